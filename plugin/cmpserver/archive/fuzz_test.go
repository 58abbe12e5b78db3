package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/render"
)

var fuzzLimits = archive.Limits{Unpacked: 1 << 20, Kept: 1 << 16, Entries: 100, Depth: 8, Path: 100}

func seeds(f *testing.F) [][]byte {
	return [][]byte{
		pack(f, file("a/b", "1"), link("l", "a"), header{tar.TypeDir, "d", ""}),
		pack(f, file("../a", "1")),
		pack(f, link("l", "l"), file("l/a", "")),
		pack(f, file(".git/a", "1"), header{tar.TypeLink, "x", "a"}),
		pack(f, file("a", strings.Repeat("0123456789", 1000)), header{tar.TypeXGlobalHeader, "", ""}, file(strings.Repeat("a/", 6)+strings.Repeat("b", 90), "1")),
	}
}

// FuzzUnpack looks for archives that make a tree which does not keep to what a tree is.
func FuzzUnpack(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if tree, err := archive.Unpack(t.Context(), bytes.NewReader(content), fuzzLimits); err == nil {
			wantTree(t, tree)
		}
	})
}

// FuzzTar does the same with what is in the archive: whatever it becomes, the checksums of its headers and of the
// compression are right, so that it is read.
func FuzzTar(f *testing.F) {
	for _, seed := range append(seeds(f), sparse(f)) {
		f.Add(unzipped(f, seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var zipped bytes.Buffer
		zip := gzip.NewWriter(&zipped)
		_, err := zip.Write(signed(content))
		if err := errors.Join(err, zip.Close()); err != nil {
			t.Fatal(err)
		}
		tree, err := archive.Unpack(t.Context(), bytes.NewReader(zipped.Bytes()), fuzzLimits)
		var refused *archive.RefusedError
		switch {
		case err == nil:
			wantTree(t, tree)
		case !errors.As(err, &refused):
			t.Fatalf("%v is no refusal", err)
		}
	})
}

const block = 512

// signed makes the checksums right of all headers of a tar archive, and its length one of blocks.
func signed(content []byte) []byte {
	content = append(bytes.Clone(content), make([]byte, (block-len(content)%block)%block)...)
	for rest := content; len(rest) >= block; {
		header := rest[:block]
		rest = rest[block:]
		if bytes.Equal(header, make([]byte, block)) {
			continue
		}
		sign(header)
		size, _ := strconv.ParseInt(strings.Trim(string(header[124:136]), " \x00"), 8, 64)
		rest = rest[min(max(0, (size+block-1)/block*block), int64(len(rest))):]
	}
	return content
}

// sign puts the checksum into a header, which counts as spaces in it (POSIX.1-1988, ustar).
func sign(header []byte) {
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// wantTree checks what every tree keeps to.
func wantTree(t *testing.T, tree *archive.Tree) {
	t.Helper()
	limits := fuzzLimits
	if n := len(slices.Collect(tree.Names())); tree.Bytes() > limits.Kept || n > limits.Entries {
		t.Fatalf("%d bytes and %d entries are kept", tree.Bytes(), n)
	}
	last := ""
	for name := range tree.Names() {
		if name <= last || !fs.ValidPath(strings.ToValidUTF8(name, "_")) || name == "." {
			t.Fatalf("path %q after %q", name, last)
		}
		last = name
		if at := strings.LastIndexByte(name, '/'); at >= 0 {
			if info, err := tree.Lstat(name[:at]); err != nil || !info.IsDir() {
				t.Fatalf("%q lies in what is no folder", name)
			}
		}
		if mode, _ := tree.At(name); mode.IsRegular() {
			if _, err := tree.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		if at := render.Resolve(tree, name); strings.HasPrefix(at, "../") || strings.HasPrefix(at, "/") {
			t.Fatalf("%q resolves to %q", name, at)
		}
	}
}
