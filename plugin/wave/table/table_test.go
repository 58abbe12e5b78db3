package table_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/wave/table"
)

// A user loses what a table says: our fast reader must read what any YAML reader reads.
func TestTablesReadAsYAML(t *testing.T) {
	files, _ := filepath.Glob("../*.yaml")
	more, _ := filepath.Glob("../*/*.yaml")
	files = append(files, more...)
	if len(files) < 6 {
		t.Fatalf("only %v", files)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []map[string]any
			if err := yaml.UnmarshalStrict(text, &want); err != nil {
				t.Fatal(err)
			}
			var got []map[string]any
			for row := range table.Rows(string(text)) {
				m := map[string]any{}
				for _, field := range row.Fields {
					m[field.Key] = fmt.Sprint(field.Values)
				}
				got = append(got, m)
			}
			for _, row := range want {
				for key, value := range row {
					if _, isList := value.([]any); !isList {
						value = []any{value}
					}
					row[key] = fmt.Sprint(value)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A developer loses the line of a malformed row.
func TestMalformedRowsNameTheirLine(t *testing.T) {
	for _, text := range []string{"\nfoo", "\n- {a}", "\n- {a: b", "\n- {a: [b}", "\n- {a: 'b}", "\n- {a: b}}"} {
		t.Run(text, func(t *testing.T) {
			defer func() {
				if message := fmt.Sprint(recover()); len(message) < 14 || message[:14] != "table: line 2:" {
					t.Errorf("got %q", message)
				}
			}()
			for range table.Rows(text) {
			}
		})
	}
}
