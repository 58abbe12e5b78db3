// Command gendocs writes docs/parameters.md from the types of a parameter set and the example's. It runs in
// generator/params, by `go generate`, and is part of no binary that is shipped.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/godoc"
)

// target is seen from generator/params.
const target = "../../docs/parameters.md"

const opening = `<!-- Made by "go generate ./generator/params" from the types in generator/params and its testdata. Do not edit. -->

# Parameters

What the generator gives to an ApplicationSet's template, one set per service, environment and cluster. Everything lies
under the one key ` + "`tidegate`" + `: ` + "`generator` and `values`" + ` belong to Argo CD, and what another generator of a matrix gives
does not collide.

- **Every key is always there and never null**, so ` + "`missingkey=error`" + ` finds misspelt keys and nothing else.
- **Values are strings, lists of strings and maps of strings.** What Argo CD has types of its own for (` + "`pluginParameters`,\n  `syncPolicy`, `ignoreDifferences`" + `) is JSON text. JSON is YAML: a ` + "`templatePatch`" + ` takes it as it
  stands, ` + "`syncPolicy: {{ .tidegate.syncPolicy }}`" + `;
  lists and maps take ` + "`toJson`: `labels: {{ toJson .tidegate.labels }}`" + `.
- **The same repository and the same clusters give the same bytes.** No commit, time or count is in a set: an Application
  changes when what it is made of changes.

The template writes the set itself into an annotation, ` + "`tidegate.dev/parameters: '{{ toJson .tidegate }}'`" + `, so that it can
be told later what made an Application.

`

const middle = `
## Input

` + "`spec.generators[].plugin.input.parameters`" + ` of the ApplicationSet narrows the answer. Whatever else stands there is refused,
and so is a name that is not in the repository, and an input that leaves nothing: an empty answer would delete every Application.

`

const closing = `
## An example

The set of ` + "`payments-api`" + ` in production, from [the example](../examples/gitops-platform) and [its clusters](../examples/clusters.yaml):

`

func main() {
	page, err := document(".")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(target, page, 0o644); err != nil {
		log.Fatal(err)
	}
}

// document is given the folder generator/params.
func document(dir string) ([]byte, error) {
	comments, err := godoc.Comments(dir)
	if err != nil {
		return nil, err
	}
	example, err := example(filepath.Join(dir, "testdata", "example-services.json"))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(opening)
	table(&out, comments, reflect.TypeFor[params.Set](), "."+params.Key+".")
	out.WriteString(middle)
	table(&out, comments, reflect.TypeFor[params.Input](), "")
	fmt.Fprintf(&out, "%s```json\n%s\n```\n", closing, example)
	return out.Bytes(), nil
}

// table has a row for each field, and rows for the fields of our own types below it.
func table(out *bytes.Buffer, comments map[string]string, of reflect.Type, prefix string) {
	out.WriteString("| key | value | |\n|---|---|---|\n")
	rows(out, comments, of, prefix)
}

func rows(out *bytes.Buffer, comments map[string]string, of reflect.Type, prefix string) {
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		text := strings.ReplaceAll(comments[of.Name()+"."+field.Name], "|", `\|`)
		fmt.Fprintf(out, "| `%s%s` | %s | %s |\n", prefix, name, kind(field.Type), text)
		if field.Type.PkgPath() == of.PkgPath() && field.Type.Kind() == reflect.Struct {
			rows(out, comments, field.Type, prefix+name+".")
		}
	}
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "list of strings"
	case reflect.Map:
		return "map of strings"
	case reflect.Pointer:
		return "Kubernetes' " + t.Elem().Name()
	}
	return "map"
}

// example is the set of payments-api in production.
func example(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var answer params.Answer
	if err := json.Unmarshal(content, &answer); err != nil {
		return nil, err
	}
	for _, set := range answer.Output.Parameters {
		if set.Tidegate.Name == "payments-api-production" {
			return json.MarshalIndent(set, "", "  ")
		}
	}
	return nil, fmt.Errorf("%s has no payments-api-production", file)
}
