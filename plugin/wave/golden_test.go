package wave_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/wave"
)

var update = flag.Bool("update", false, "rewrite what the examples say they give")

// example is a file of testdata: what a user would lose, a few manifests, and the order they get.
type example struct {
	file, loss, manifests, want string
	options                     wave.Options
}

const ruler = "\n================\n"

func examples(t testing.TB, folder string) []example {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples in %s: %v", folder, err)
	}
	out := make([]example, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), ruler)
		if len(parts) < 2 {
			t.Fatalf("%s: it must hold what is lost, the manifests and the order, with %q between", file, ruler)
		}
		e := example{file: file, loss: strings.TrimSpace(parts[0]), manifests: parts[1]}
		if len(parts) > 2 {
			e.want = parts[2]
		}
		e.options.Namespace = "shop"
		if loss, mode, ok := strings.Cut(e.loss, "\nmode: "); ok {
			e.loss, e.options.Mode = loss, wave.Mode(mode)
		}
		out[i] = e
	}
	return out
}

func (e example) check(t *testing.T, got string) {
	t.Helper()
	if *update {
		head := e.loss
		if e.options.Mode != "" {
			head += "\nmode: " + string(e.options.Mode)
		}
		if err := os.WriteFile(e.file, []byte(head+ruler+e.manifests+ruler+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(e.want, got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update):\n%s", e.file, diff)
	}
}

// describe writes a plan for people who read tests.
func describe(plan *wave.Plan, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var out strings.Builder
	for _, w := range plan.Waves {
		for _, r := range w.Resources {
			fmt.Fprintf(&out, "%4d  %s  (%s)\n", w.Number, name(r), r.Reason.Text)
			if r.Gate != nil {
				fmt.Fprintf(&out, "      | %d wait until it is %s%s\n", r.Gate.Holds, r.Gate.Until, limit(r.Gate))
			}
		}
	}
	for _, r := range plan.Hooks {
		fmt.Fprintf(&out, "%s  %s\n", r.Hook, name(r))
	}
	for _, f := range plan.Findings {
		fmt.Fprintf(&out, "%s %s: %s\n", f.Severity, f.Rule, f.Message)
	}
	return out.String()
}

func describeEdges(plan *wave.Plan) string {
	var out strings.Builder
	for _, e := range plan.Edges {
		fmt.Fprintf(&out, "%s %s -> %s %s  %s  %s\n", e.From.Kind, e.From.Name, e.To.Kind, e.To.Name, e.Strength, e.Field)
	}
	return out.String()
}

func name(r wave.Resource) string {
	if r.ID.Namespace == "shop" {
		return r.ID.Kind + " " + r.ID.Name
	}
	return strings.TrimRight(r.ID.Kind+" "+r.ID.Namespace+"/"+r.ID.Name, " /")
}

func limit(g *wave.Gate) string {
	if g.Limit == "" {
		return ""
	}
	return ", or " + g.Limit
}

// Each example of testdata/rules shows one rule: its first line says what a user loses without it.
func TestRules(t *testing.T) {
	for _, e := range examples(t, "rules") {
		t.Run(e.loss, func(t *testing.T) {
			plan, err := wave.Compute(objects(t, e.manifests), e.options)
			e.check(t, describe(plan, err))
		})
	}
}

// Each example of testdata/references shows a family of references, with the edges that they make.
func TestReferences(t *testing.T) {
	for _, e := range examples(t, "references") {
		t.Run(e.loss, func(t *testing.T) {
			plan, err := wave.Compute(objects(t, e.manifests), e.options)
			if err != nil {
				t.Fatal(err)
			}
			e.check(t, describeEdges(plan)+"\n"+describe(plan, nil))
		})
	}
}
