// Command gendocs writes docs/checks.md from the table of checks and their examples. It runs in plugin/policy, by
// `go generate`, and is part of no binary that is shipped.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

// target is seen from plugin/policy.
const target = "../../docs/checks.md"

const opening = `<!-- Made by "go generate ./plugin/policy" from plugin/policy/table.go and its testdata. Do not edit. -->

# What Tidegate does not render

Every render is checked before anything of it is printed or handed to Argo CD. With the policy ` + "`enforce`" + `, a finding that
is an error fails the render; with ` + "`warn`" + `, all findings are warnings; with ` + "`off`" + `, nothing is checked. The plugin's own
configuration sets a floor that neither an Application nor a file in Git can lower.

| check | severity | what is wrong |
|---|---|---|
`

const closing = `## unresolved-variable

*error*: a ` + "`${VARIABLE}`" + ` without a value.

**Why.** Rendered as it stands, or as nothing, it would name an image, a host or a cluster that does not exist, or worse, one that does.

**Instead:** give a value with ` + "`--set NAME=VALUE`" + ` or the plugin parameter ` + "`substitutions`" + `, write ` + "`$${NAME}`" + ` for a literal
` + "`${NAME}`" + `, or leave the whole object alone with the annotation ` + "`tidegate.dev/substitute: disabled`" + `.

Only ` + "`${NAME}`" + ` is a variable; ` + "`${NAME:-default}`, `$NAME` and `$(NAME)`" + ` stay as they are. Dollars directly before ` + "`{NAME}`" + ` come in
pairs that stand for one dollar each: ` + "`$$${NAME}`" + ` is a dollar and the value. A value is not searched for variables again. The result is
always a string, also where the whole value is a variable: ` + "`replicas: ${N}`" + ` becomes ` + "`\"3\"`" + `, which Kubernetes refuses; set replicas with the
plugin's ` + "`replicas`" + ` parameter. Map keys are not substituted, and a variable in one is an error; the base64 ` + "`data`" + ` of Secrets is left alone.
Values do not change the hash in a generated name.
`

func main() {
	doc, err := document("testdata")
	if err != nil {
		log.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(target, doc, 0o644); err != nil {
		log.Fatal(err)
	}
}

// document writes a section for every row, with the examples that are also its tests.
func document(testdata string) ([]byte, error) {
	var out strings.Builder
	out.WriteString(opening)
	for _, row := range policy.Rows() {
		fmt.Fprintf(&out, "| [%[1]s](#%[1]s) | %[2]s | %[3]s |\n", row.Name, severity(row), row.Title)
	}
	out.WriteString("| [unresolved-variable](#unresolved-variable) | error | Variable without a value |\n\n")
	for _, row := range policy.Rows() {
		fmt.Fprintf(&out, "## %s\n\n*%s*: %s.\n\n", row.Name, severity(row), lower(row.Title))
		fmt.Fprintf(&out, "**Why.** %s\n\n**Instead:** %s.\n\n%s\n\n", row.Why, strings.ReplaceAll(row.WayOut, "<", "&lt;"), row.Detail)
		refused, err := os.ReadFile(filepath.Join(testdata, row.Name, "refused.yaml"))
		if err != nil {
			return nil, err
		}
		accepted, err := os.ReadFile(filepath.Join(testdata, row.Name, "accepted.yaml"))
		if err != nil {
			return nil, err
		}
		said, err := findings(refused)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "Not so:\n\n```yaml\n%s```\n\n```text\n%s```\n\nBut so:\n\n```yaml\n%s```\n\n", refused, said, accepted)
	}
	out.WriteString(closing)
	return []byte(out.String()), nil
}

// findings are what Tidegate says of the manifests.
func findings(manifests []byte) (string, error) {
	var objects []manifest.Object
	for document := range strings.SplitSeq(string(manifests), "\n---\n") {
		var object manifest.Object
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return "", err
		}
		objects = append(objects, object)
	}
	var out strings.Builder
	for _, finding := range policy.Check(objects, policy.Options{}) {
		out.WriteString(finding.String() + "\n")
	}
	return out.String(), nil
}

func severity(row policy.Row) string {
	if row.FloatingImages {
		return "warning, or error where the environment refuses floating images"
	}
	return string(row.Severity)
}

// lower makes a title fit into a sentence.
func lower(title string) string { return strings.ToLower(title[:1]) + title[1:] }
