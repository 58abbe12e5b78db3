package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDocumentSaysWhatTheTableSays(t *testing.T) {
	want, err := document("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("../..", target))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/checks.md is stale: run `go generate ./plugin/policy`\n%s", diff)
	}
}
