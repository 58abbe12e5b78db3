package render

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

type wide struct{ fstest.MapFS }

// TestWhatIsWideIsNotRenderedHere keeps out of a process that serves others what takes kustomize minutes or gigabytes
// although it is neither deep nor large.
func TestWhatIsWideIsNotRenderedHere(t *testing.T) {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n"
	for _, test := range []struct {
		name, file, inline string
		limits             Limits
	}{
		{"a map of many keys", head + strings.Repeat("  k: v\n", 50), "", Limits{Siblings: 40}},
		{"a map of many keys behind a shorter one", head + "  a: b\nx:\n" + strings.Repeat("    k: v\n", 50), "", Limits{Siblings: 40}},
		{"a list in one line", head + "x: [" + strings.Repeat("a,", 50) + "a]\n", "", Limits{Siblings: 40}},
		{"lines that end without a line feed", head + strings.Repeat("  k: v\r", 50) + "\n", "", Limits{Siblings: 40}},
		{"many nodes", head + strings.Repeat("  k:\n    l: v\n", 30), "", Limits{AllNodes: 40}},
		{"a patch in the kustomization", head + "  a: b\n", strings.Repeat("      k: v\n", 50), Limits{Siblings: 40}},
	} {
		t.Run(test.name, func(t *testing.T) {
			kustomization := "resources: [a.yaml]\n"
			if test.inline != "" {
				kustomization += "patches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n    data:\n" + test.inline
			}
			tree := wide{fstest.MapFS{
				"kustomization.yaml": {Data: []byte(kustomization)},
				"a.yaml":             {Data: []byte(test.file)},
			}}
			_, err := NewInProcess().Render(context.Background(), Request{Tree: tree, Dir: ".", Limits: test.limits})
			var unbounded *unboundedError
			if !errors.As(err, &unbounded) {
				t.Errorf("got %v, want it handed to a child", err)
			}
		})
	}
}

func TestOrdinaryFilesAreNotWide(t *testing.T) {
	content := []byte("a:\n  b: 1\n  c: 2\n---\na:\n  b: 1\n# comment\n\n  c: [1, 2]\nd:\n- x\n- y\n")
	if nodes, siblings := breadthBound(content); nodes != 13 || siblings != 4 {
		t.Errorf("%d nodes, %d siblings", nodes, siblings)
	}
}

func TestSecretsOfAGeneratorAreNotTold(t *testing.T) {
	tree := wide{fstest.MapFS{"kustomization.yaml": {Data: []byte("secretGenerator:\n- name: a\n  literals: [hunter2-secret]\n")}}}
	_, err := NewInProcess().Render(context.Background(), Request{Tree: tree, Dir: "."})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
