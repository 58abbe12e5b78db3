// Command genschema writes docs/tidegate.schema.json from the types of tidegate.yaml. It runs in internal/platform, by
// `go generate`, and is part of no binary that is shipped.
package main

import (
	"encoding/json"
	"log"
	"os"
	"os/exec"
	"reflect"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/invopop/jsonschema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/internal/godoc"
	"github.com/tidegate/tidegate/internal/platform"
)

// target is seen from internal/platform.
const target = "../../docs/tidegate.schema.json"

func main() {
	schema, err := generate()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(target, schema, 0o644); err != nil {
		log.Fatal(err)
	}
}

// generate runs in internal/platform too.
func generate() ([]byte, error) {
	comments := map[string]map[string]string{}
	for _, of := range []any{platform.Platform{}, v1alpha1.SyncPolicy{}, metav1.LabelSelector{}} {
		name := reflect.TypeOf(of).PkgPath()
		dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", name).Output()
		if err != nil {
			return nil, err
		}
		if comments[name], err = godoc.Comments(strings.TrimSpace(string(dir))); err != nil {
			return nil, err
		}
	}
	reflector := jsonschema.Reflector{
		Anonymous: true,
		LookupComment: func(t reflect.Type, field string) string {
			return comments[t.PkgPath()][strings.TrimSuffix(t.Name()+"."+field, ".")]
		},
	}
	schema := reflector.Reflect(platform.Platform{})
	schema.ID = "https://tidegate.dev/schemas/platform.v1alpha1.json"
	schema.Title = "tidegate.yaml"
	encoded, err := json.MarshalIndent(schema, "", "  ")
	return append(encoded, '\n'), err
}
