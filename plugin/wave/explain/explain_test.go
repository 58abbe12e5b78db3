package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/wave"
)

func TestAnUnknownFormatNamesTheKnownOnes(t *testing.T) {
	var out bytes.Buffer
	err := Write(&out, staging(), "png", Options{})
	if err == nil || !strings.Contains(err.Error(), "text, json, mermaid, dot, svg") {
		t.Errorf("got error %v, want one that lists the formats", err)
	}
	if out.Len() > 0 {
		t.Errorf("wrote %q", out.String())
	}
}

func TestEveryFormatIsWritten(t *testing.T) {
	for _, name := range Formats() {
		if got := explained(t, staging(), Format(name), Options{}); !strings.HasSuffix(got, "\n") {
			t.Errorf("%s does not end in a newline: %q", name, got)
		}
	}
	if err := Write(&bytes.Buffer{}, nil, Text, Options{}); err == nil {
		t.Error("no error for no plan")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAFailedWriteIsReported(t *testing.T) {
	if err := Write(full{}, staging(), Text, Options{}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got error %v", err)
	}
}

func TestTheSamePlanGivesTheSameBytes(t *testing.T) {
	plans := map[string]func() *wave.Plan{
		"staging": staging, "troubled": troubled, "hostile": hostile,
		"platform": func() *wave.Plan { return platform(8) }, "large": func() *wave.Plan { return platform(100) },
	}
	for name, plan := range plans {
		for _, format := range Formats() {
			first := explained(t, plan(), Format(format), Options{})
			for range 5 {
				if again := explained(t, plan(), Format(format), Options{}); again != first {
					t.Errorf("%s as %s differs between runs", name, format)
				}
			}
		}
	}
}

func TestExplainingChangesNothing(t *testing.T) {
	for _, format := range Formats() {
		plan := troubled()
		explained(t, plan, Format(format), Options{})
		if diff := cmp.Diff(troubled(), plan); diff != "" {
			t.Errorf("%s changed the plan (-before +after):\n%s", format, diff)
		}
	}
}

func TestJSONReadsBackAsThePlan(t *testing.T) {
	for name, want := range map[string]*wave.Plan{"staging": staging(), "troubled": troubled()} {
		var got wave.Plan
		if err := json.Unmarshal([]byte(explained(t, want, JSON, Options{})), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
