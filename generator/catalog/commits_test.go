package catalog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

func TestAFolderThatIsTheSameIsNotListedAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := git.PlainInit(dir, false); err != nil {
		t.Fatal(err)
	}
	commits := OpenCommits(dir)
	first, err := commits.Revision(t.Context(), commit(t, dir, repository), nil)
	if err != nil {
		t.Fatal(err)
	}
	const changed, same = "services/api/overlays/staging", "services/api/base"
	second, err := commits.Revision(t.Context(), commit(t, dir, map[string]string{changed + "/kustomization.yaml": "namespace: moved\n"}), first)
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.Tree.(*snapshot).entries, second.Tree.(*snapshot).entries
	if a[same] != b[same] || a[same+"/hpa.yaml"] != b[same+"/hpa.yaml"] {
		t.Errorf("%s was listed again", same)
	}
	if a[changed] == b[changed] || len(a) != len(b) {
		t.Errorf("%s was not listed again, or %d entries became %d", changed, len(a), len(b))
	}
	for _, name := range []string{changed, same} {
		content, err := second.Tree.ReadFile(name + "/kustomization.yaml")
		if err != nil || (name == changed) != strings.Contains(string(content), "moved") {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}

// store writes an object that Git would not have made.
func store(t *testing.T, repository *git.Repository, encode func(plumbing.EncodedObject) error) plumbing.Hash {
	t.Helper()
	encoded := repository.Storer.NewEncodedObject()
	if err := encode(encoded); err != nil {
		t.Fatal(err)
	}
	hash, err := repository.Storer.SetEncodedObject(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestACommitThatGitWouldNotMakeIsRefused(t *testing.T) {
	dir := t.TempDir()
	repository, err := git.PlainInit(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	blob := store(t, repository, func(o plumbing.EncodedObject) error { o.SetType(plumbing.BlobObject); return nil })
	tree := func(entries ...object.TreeEntry) plumbing.Hash {
		return store(t, repository, (&object.Tree{Entries: entries}).Encode)
	}
	file := func(name string) object.TreeEntry {
		return object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: blob}
	}
	folder := func(name string, of plumbing.Hash) object.TreeEntry {
		return object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: of}
	}
	// Ten folders that are the same, six times over.
	bomb := tree(file("a"))
	for range 6 {
		bomb = tree(folder("0", bomb), folder("1", bomb), folder("2", bomb), folder("3", bomb), folder("4", bomb), folder("5", bomb),
			folder("6", bomb), folder("7", bomb), folder("8", bomb), folder("9", bomb))
	}
	deep := tree(file("a"))
	for range maxPath/2 + 1 {
		deep = tree(folder("d", deep))
	}
	for _, test := range []struct {
		name, want string
		tree       plumbing.Hash
	}{
		{"the folder above", "is no name of a file", tree(folder("x", tree(file(".."))))},
		{"a file twice", "is no name of a file", tree(file("a"), file("a"))},
		{"many out of few", "more than 10000 files", bomb},
		{"deeper than a path can be long", "more than 4096 bytes", deep},
		{"a file that is not there", "object not found", tree(object.TreeEntry{Name: "a", Mode: filemode.Regular, Hash: plumbing.NewHash("11")})},
	} {
		t.Run(test.name, func(t *testing.T) {
			by := object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1, 0)}
			hash := store(t, repository, (&object.Commit{Author: by, Committer: by, Message: "x", TreeHash: test.tree}).Encode)
			commits := OpenCommits(dir)
			commits.most = 10_000
			_, err := commits.Revision(t.Context(), hash.String(), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestAFileThatWouldNotFitIntoMemoryIsNotRead(t *testing.T) {
	dir := t.TempDir()
	repository, err := git.PlainInit(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	zeros := store(t, repository, func(o plumbing.EncodedObject) error {
		o.SetType(plumbing.BlobObject)
		to, err := o.Writer()
		if err != nil {
			return err
		}
		_, err = to.Write(make([]byte, MaxFile+1))
		return errors.Join(err, to.Close())
	})
	tree := store(t, repository, (&object.Tree{Entries: []object.TreeEntry{{Name: "tidegate.yaml", Mode: filemode.Regular, Hash: zeros}}}).Encode)
	by := object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1, 0)}
	hash := store(t, repository, (&object.Commit{Author: by, Committer: by, Message: "x", TreeHash: tree}).Encode)
	revision, err := OpenCommits(dir).Revision(t.Context(), hash.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := revision.Tree.ReadFile("tidegate.yaml"); err == nil || !strings.Contains(err.Error(), "tidegate.yaml: it has 33554433 bytes") {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}
