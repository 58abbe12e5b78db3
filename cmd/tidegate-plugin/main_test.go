package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tidegate/tidegate/cmd/internal/cli"
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
	var said bytes.Buffer
	if code := cli.Execute(t.Context(), newCommand(), []string{"version"}, &said, &said); code != cli.ExitOK {
		t.Fatal(code, &said)
	}
	if found, err := exec.LookPath("git"); err == nil {
		t.Errorf("kustomize would run %s", found)
	}
}
