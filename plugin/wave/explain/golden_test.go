package explain

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/wave"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// explained is the plan in a format.
func explained(t *testing.T, plan *wave.Plan, format Format, opts Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, plan, format, opts); err != nil {
		t.Fatalf("Write as %s: %v", format, err)
	}
	return out.String()
}

func TestWhatPeopleSeeDoesNotChangeUnnoticed(t *testing.T) {
	title := Options{Title: "services/payments-api/overlays/staging"}
	tests := []struct {
		file   string
		plan   *wave.Plan
		format Format
		opts   Options
	}{
		{"staging.txt", staging(), Text, title},
		{"staging.80-columns.txt", staging(), Text, Options{Width: 80}},
		{"staging.json", staging(), JSON, Options{}},
		{"staging.mmd", staging(), Mermaid, Options{}},
		{"staging.dot", staging(), DOT, title},
		{"staging.svg", staging(), SVG, title},
		{"troubled.txt", troubled(), Text, Options{}},
		{"troubled.120-columns.color.txt", troubled(), Text, Options{Color: true, Width: 120}},
		{"troubled.json", troubled(), JSON, Options{}},
		{"troubled.mmd", troubled(), Mermaid, Options{}},
		{"troubled.dot", troubled(), DOT, Options{}},
		{"troubled.svg", troubled(), SVG, Options{}},
		{"several-hundred.svg", platform(60), SVG, Options{}},
		{"empty.txt", &wave.Plan{}, Text, Options{}},
		{"empty.json", &wave.Plan{}, JSON, Options{}},
		{"empty.mmd", &wave.Plan{}, Mermaid, Options{}},
		{"empty.dot", &wave.Plan{}, DOT, Options{}},
		{"empty.svg", &wave.Plan{}, SVG, Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got := explained(t, tt.plan, tt.format, tt.opts)
			path := filepath.Join("testdata", tt.file)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("differs from %s; if that is meant, run go test -update (-want +got):\n%s", path, diff)
			}
		})
	}
}
