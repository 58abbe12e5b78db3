//go:build e2e

package e2e

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/test/controlplane"
)

var update = flag.Bool("update", false, "rewrite the documents that suites make")

// document compares a file of the repository with what a suite has found.
func (s *suite) document(path, want string) {
	s.Helper()
	file := s.inRoot(path)
	if *update {
		s.must(os.WriteFile(file, []byte(want), 0o644))
	}
	got, err := os.ReadFile(file)
	s.must(err)
	if diff := cmp.Diff(string(got), want); diff != "" {
		s.Errorf("%s is out of date (-is +found; rewrite with -update):\n%s", path, diff)
	}
}

// table compares one table of a document with what a suite has found: the one after its marker, up to the first empty line.
func (s *suite) table(path, name string, rows []string) {
	s.Helper()
	content, err := os.ReadFile(s.inRoot(path))
	s.must(err)
	marker := "<!-- " + name + ": made by make e2e -->\n"
	before, rest, found := strings.Cut(string(content), marker)
	_, after, ends := strings.Cut(rest, "\n\n")
	if !found || !ends {
		s.Fatalf("%s has no table after %s", path, marker)
	}
	s.document(path, before+marker+strings.Join(rows, "\n")+"\n\n"+after)
}

// show tells people what a suite has found. go test keeps to itself what a test that passes says; make e2e prints the files.
func (s *suite) show(name, text string) {
	s.Helper()
	s.Logf("%s\n%s", name, text)
	dir := s.inRoot("bin/found")
	s.must(errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".txt"), []byte(name+"\n"+text), 0o644)))
}

// inRoot is a file of Tidegate's own repository.
func (s *suite) inRoot(path string) string {
	s.Helper()
	root, err := controlplane.Root()
	s.must(err)
	return filepath.Join(root, path)
}
