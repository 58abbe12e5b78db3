package main

import (
	"bytes"
	"os"
	"testing"
)

func TestTheReferenceOfParametersIsCurrent(t *testing.T) {
	want, err := document("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../../docs/parameters.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Error("docs/parameters.md is not what the types say; run make generate")
	}
}
