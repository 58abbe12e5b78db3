package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestNoProgramIsFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal(err)
	}
	if err := forgetPrograms(); err != nil {
		t.Fatal(err)
	}
	if found, err := exec.LookPath("git"); err == nil {
		t.Errorf("kustomize would run %s", found)
	}
}
