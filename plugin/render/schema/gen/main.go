// Command gen writes table.txt from the OpenAPI schema that is built into kyaml: names, types, merge strategies and keys.
package main

import (
	"bytes"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
)

func main() {
	definitions, err := builtIn()
	if err != nil {
		log.Fatal(err)
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		def := definitions[name]
		fmt.Fprintln(&out, strings.Join(append([]string{name, kind(def)}, gvks(def)...), " "))
		for _, field := range slices.Sorted(maps.Keys(def.Properties)) {
			fmt.Fprintln(&out, "", strings.Join(append([]string{field, kind(def.Properties[field])}, merge(def.Properties[field])...), " "))
		}
	}
	if err := os.WriteFile("table.txt", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// builtIn reads the definitions as kyaml does (openapi.parse).
func builtIn() (spec.Definitions, error) {
	version := kubernetesapi.DefaultOpenAPI
	asset := "kubernetesapi/" + strings.ReplaceAll(version, ".", "_") + "/swagger.pb"
	doc := &openapi_v2.Document{}
	if err := proto.Unmarshal(kubernetesapi.OpenAPIMustAsset[version](asset), doc); err != nil {
		return nil, err
	}
	var swagger spec.Swagger
	if _, err := swagger.FromGnostic(doc); err != nil {
		return nil, err
	}
	return swagger.Definitions, nil
}

// kind writes a type as the table's reader expects it. It stops at what the reader could not express.
func kind(s spec.Schema) string {
	ref := strings.TrimPrefix(s.Ref.String(), "#/definitions/")
	switch {
	case ref != "":
		return "#" + ref
	case len(s.Type) == 0:
		return "-"
	case len(s.Type) > 1:
		log.Fatalf("a type of several: %v", s.Type)
	case s.Items != nil:
		return "[]" + kind(*s.Items.Schema)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "{}" + kind(*s.AdditionalProperties.Schema)
	}
	return s.Type[0]
}

// merge writes strategy, merge key and map keys; the keys count for nothing without a strategy.
func merge(s spec.Schema) []string {
	strategy, ok := s.Extensions["x-kubernetes-patch-strategy"].(string)
	if !ok || s.Ref.String() != "" { // what stands beside a $ref is ignored
		return nil
	}
	out := []string{strategy}
	if key, ok := s.Extensions["x-kubernetes-patch-merge-key"].(string); ok {
		out = append(out, key)
	}
	if keys, ok := s.Extensions["x-kubernetes-list-map-keys"].([]any); ok {
		if len(out) == 1 {
			log.Fatal("list map keys without a merge key")
		}
		out = append(out, strings.Trim(strings.ReplaceAll(fmt.Sprint(keys), " ", ","), "[]"))
	}
	return out
}

func gvks(s spec.Schema) []string {
	var out []string
	list, _ := s.Extensions["x-kubernetes-group-version-kind"].([]any)
	for _, one := range list {
		gvk := one.(map[string]any)
		out = append(out, fmt.Sprintf("%v/%v/%v", gvk["group"], gvk["version"], gvk["kind"]))
	}
	return out
}
