package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/render"
)

// header is one entry of an archive that a test makes.
type header struct {
	kind    byte
	name    string
	content string // or the target of a link
}

func pack(t testing.TB, headers ...header) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	for _, h := range headers {
		th := &tar.Header{Typeflag: h.kind, Name: h.name, Mode: 0o644}
		switch h.kind {
		case tar.TypeReg:
			th.Size = int64(len(h.content))
		case tar.TypeXGlobalHeader:
			th = &tar.Header{Typeflag: h.kind, PAXRecords: map[string]string{"comment": "x"}}
		default:
			th.Linkname = h.content
		}
		if err := files.WriteHeader(th); err != nil {
			t.Fatal(err)
		}
		if h.kind == tar.TypeReg {
			if _, err := io.WriteString(files, h.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(files.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(name, content string) header { return header{tar.TypeReg, name, content} }
func link(name, target string) header  { return header{tar.TypeSymlink, name, target} }

func unpack(t testing.TB, limits archive.Limits, headers ...header) (*archive.Tree, error) {
	return archive.Unpack(context.Background(), bytes.NewReader(pack(t, headers...)), limits)
}

func TestATreeHoldsWhatWasSent(t *testing.T) {
	tree, err := unpack(t, archive.Limits{},
		header{tar.TypeXGlobalHeader, "", ""},
		header{tar.TypeDir, ".", ""},
		header{tar.TypeDir, "services", ""},
		file("services/a/kustomization.yaml", "resources: []\n"),
		header{tar.TypeDir, "services/a", ""},
		file("./empty", ""),
		link("latest", "services/a"),
		link("away", "/etc"),
	)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Collect(tree.Names())
	if want := []string{"away", "empty", "latest", "services", "services/a", "services/a/kustomization.yaml"}; !slices.Equal(names, want) {
		t.Errorf("the tree holds %q, want %q", names, want)
	}
	content, err := tree.ReadFile("services/a/kustomization.yaml")
	if err != nil || string(content) != "resources: []\n" {
		t.Errorf("read %q, %v", content, err)
	}
	content[0] = 'X'
	if again, _ := tree.ReadFile("services/a/kustomization.yaml"); again[0] == 'X' {
		t.Error("who reads a file can change it for others")
	}
	if target, err := tree.ReadLink("away"); err != nil || target != "/etc" {
		t.Errorf("link to %q, %v", target, err)
	}
	if info, err := tree.Lstat("services"); err != nil || !info.IsDir() {
		t.Errorf("services is %v, %v", info, err)
	}
	for _, name := range []string{"services/b", "services/a/kustomization.yaml/x", "latest/kustomization.yaml", "", "/etc", "../x"} {
		if _, err := tree.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, want that it does not exist", name, err)
		}
	}
	if got := render.Resolve(tree, "latest"); got != "services/a" {
		t.Errorf("latest resolves to %s", got)
	}
	for _, name := range []string{"away", "services/../../x"} {
		if got := render.Resolve(tree, name); got != name {
			t.Errorf("%s resolves to %s", name, got)
		}
	}
}

func TestAnOutlineTellsOfATreeAllButItsContents(t *testing.T) {
	tree, err := unpack(t, archive.Limits{}, file("app/large", strings.Repeat("x", 1<<20)), file("app/empty", ""), link("latest", "app"))
	if err != nil {
		t.Fatal(err)
	}
	outline := tree.Outline()
	if !tree.Whole() || outline.Whole() || outline.Hash() != tree.Hash() {
		t.Error("it is not told from its tree, or is that of another")
	}
	if got, want := outline.Bytes(), tree.Bytes()-1<<20; got != want {
		t.Errorf("it takes %d bytes, want %d", got, want)
	}
	if !slices.Equal(slices.Collect(outline.Names()), slices.Collect(tree.Names())) || render.Resolve(outline, "latest") != "app" {
		t.Error("it has other paths")
	}
	for name := range tree.Names() {
		mode, hash := outline.At(name)
		if wantMode, want := tree.At(name); mode != wantMode || hash != want {
			t.Errorf("%s is something else", name)
		}
	}
	if content, err := outline.ReadFile("app/large"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file whose content is not kept reads as %q, %v", content, err)
	}
	if content, err := tree.ReadFile("app/large"); err != nil || len(content) != 1<<20 {
		t.Errorf("the tree has lost its own: %d bytes, %v", len(content), err)
	}
}

func TestGitsOwnFilesAreNoPartOfATree(t *testing.T) {
	with, err := unpack(t, archive.Limits{}, header{tar.TypeDir, ".git", ""}, file(".git/config", "url = https://token@example.com"),
		file("modules/x/.git", "gitdir: ../.git/modules/x"), file("modules/x/a", "1"), file(".gitignore", "x"))
	if err != nil {
		t.Fatal(err)
	}
	without, err := unpack(t, archive.Limits{}, file("modules/x/a", "1"), file(".gitignore", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if with.Hash() != without.Hash() {
		t.Errorf("the trees differ: %q and %q", slices.Collect(with.Names()), slices.Collect(without.Names()))
	}
}

func TestTreesAreOneOnlyIfTheyHoldTheSame(t *testing.T) {
	base := []header{file("a", "1"), file("b/c", "2"), link("l", "a")}
	one, err := unpack(t, archive.Limits{}, base...)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		headers []header
		same    bool
	}{
		"another order":      {[]header{link("l", "a"), file("b/c", "2"), file("a", "1")}, true},
		"folders named":      {append([]header{{tar.TypeDir, "b", ""}}, base...), true},
		"another content":    {[]header{file("a", "2"), file("b/c", "2"), link("l", "a")}, false},
		"another name":       {[]header{file("d", "1"), file("b/c", "2"), link("l", "a")}, false},
		"another target":     {[]header{file("a", "1"), file("b/c", "2"), link("l", "b")}, false},
		"a file, not a link": {[]header{file("a", "1"), file("b/c", "2"), file("l", "a")}, false},
		"an empty folder":    {append([]header{{tar.TypeDir, "e", ""}}, base...), false},
	} {
		t.Run(name, func(t *testing.T) {
			other, err := unpack(t, archive.Limits{}, test.headers...)
			if err != nil {
				t.Fatal(err)
			}
			if same := other.Hash() == one.Hash(); same != test.same {
				t.Errorf("taken for the same: %v", same)
			}
		})
	}
}

func TestAHostileArchiveIsRefusedAndSaysWhy(t *testing.T) {
	good := pack(t, file("a", strings.Repeat("0123456789", 1000)))
	corrupt := slices.Clone(good)
	corrupt[len(corrupt)-6] ^= 0xff // gzip's checksum
	small := archive.Limits{Unpacked: 1 << 20, Kept: 100 << 10, Entries: 50, Depth: 5, Path: 60}
	many := make([]header, 100)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	for _, test := range []struct {
		name, reason string
		archive      []byte
	}{
		{"a path that climbs out", "path", pack(t, file("../../etc/passwd", "x"))},
		{"a path that climbs out and back", "path", pack(t, file("a/../../b", "x"))},
		{"an absolute path", "path", pack(t, file("/etc/passwd", "x"))},
		{"no path", "path", pack(t, file("", "x"))},
		{"a file behind a link", "duplicate", pack(t, link("a", "/etc"), file("a/passwd", "x"))},
		{"a file below a file", "duplicate", pack(t, file("a", "x"), file("a/b", "x"))},
		{"a file twice", "duplicate", pack(t, file("a", "x"), file("./a", "y"))},
		{"a file that is a folder too", "duplicate", pack(t, file("a/b", "x"), file("a", "x"))},
		{"a folder twice", "duplicate", pack(t, header{tar.TypeDir, "a", ""}, header{tar.TypeDir, "a/", ""})},
		{"a hard link", "type", pack(t, header{tar.TypeLink, "a", "/etc/passwd"})},
		{"a device", "type", pack(t, header{tar.TypeChar, "a", ""})},
		{"a pipe", "type", pack(t, header{tar.TypeFifo, "a", ""})},
		{"many empty files", "too many files", pack(t, many...)},
		{"a bomb", "too large", pack(t, file("a", strings.Repeat("\x00", 2<<20)))},
		{"a bomb of what is not kept", "too large", pack(t, file(".git/a", strings.Repeat("\x00", 2<<20)))},
		{"more than fits", "too large", pack(t, file("a", strings.Repeat("a", 99<<10)), file("b", strings.Repeat("b", 10<<10)))},
		{"too deep", "path too deep", pack(t, file("a/a/a/a/a/a", ""))},
		{"too long a path", "path too long", pack(t, file(strings.Repeat("a", 61), ""))},
		{"too long a target", "path too long", pack(t, link("a", strings.Repeat("a", 61)))},
		{"cut off", "malformed", good[:len(good)/2]},
		{"cut off at the end", "malformed", good[:len(good)-1]},
		{"corrupted", "malformed", corrupt},
		{"no archive", "malformed", []byte("hello")},
		{"nothing", "malformed", nil},
		{"something else zipped", "malformed", zipped(t, strings.Repeat("no tar ", 200))},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := archive.Unpack(t.Context(), bytes.NewReader(test.archive), small)
			var refused *archive.RefusedError
			if !errors.As(err, &refused) || refused.Reason != test.reason {
				t.Errorf("got %v (%+v), want a refusal for %q", err, refused, test.reason)
			}
		})
	}
}

func zipped(t testing.TB, text string) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := io.WriteString(zip, text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAFileTooLargeToBeReadCostsNoMemory(t *testing.T) {
	tree, err := unpack(t, archive.Limits{Kept: 64 << 10, File: 32 << 10}, file("dump.sql", strings.Repeat("x", 1<<20)), file("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := tree.Lstat("dump.sql"); err != nil || info.Size() != 1<<20 {
		t.Errorf("it shows as %v, %v", info, err)
	}
	if content, err := tree.ReadFile("dump.sql"); err == nil {
		t.Errorf("read %d bytes of what is not kept", len(content))
	}
}
