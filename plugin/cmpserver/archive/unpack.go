package archive

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/plugin/render"
)

// Unpack reads a compressed archive to its end. The error is a *RefusedError where the archive is at fault; errors of the
// reader and of the context are returned as they are.
func Unpack(ctx context.Context, r io.Reader, limits Limits) (*Tree, error) {
	limits = limits.orDefaults()
	compressed := &source{ctx: ctx, from: r}
	unzip := unzippers.Get().(*gzip.Reader)
	defer func() {
		compressed.from, compressed.ctx = nil, nil // the unzipper keeps its source, and with it the archive
		unzippers.Put(unzip)
	}()
	if err := unzip.Reset(compressed); err != nil {
		return nil, compressed.blame(err)
	}
	plain := &bounded{ctx: ctx, from: unzip, limit: limits.Unpacked}
	about := int(min(limits.Expanded/expandedFile, int64(limits.Entries), maxExpected))
	u := unpacker{
		limits: limits, plain: plain, files: tar.NewReader(plain), hasher: sha256.New(), buffer: buffers.Get().(*[copyBytes]byte),
		seen: make(map[string]int, about), entries: make([]entry, 0, about),
	}
	defer buffers.Put(u.buffer)
	err := u.all()
	if err == nil {
		// What follows the end of the tar archive still counts, and ends with gzip's own checksum.
		_, err = io.CopyBuffer(io.Discard, plain, u.buffer[:])
	}
	if err != nil {
		return nil, compressed.blame(err)
	}
	return u.tree(), nil
}

// A reader of compressed data has 40 KiB of state, which is most of what a small archive would cost.
var (
	unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}
	buffers   = sync.Pool{New: func() any { return new([copyBytes]byte) }}
)

const (
	copyBytes = 32 << 10
	// expandedFile is how much of an archive one small file takes: a header and its content, each in blocks of 512 bytes.
	expandedFile = 1536
	// maxExpected is for how many files memory is set aside before they have come.
	maxExpected = 8192
)

// unpacker collects entries.
type unpacker struct {
	limits Limits
	plain  *bounded
	files  *tar.Reader
	hasher hash.Hash
	buffer *[copyBytes]byte
	// seen is where in entries a path is.
	seen    map[string]int
	entries []entry
	// implied are folders that no header has named yet, only a path below them.
	implied map[string]bool
	block   []byte
	small   int // bytes of the files that share blocks
	kept    int64
}

func (u *unpacker) all() error {
	for headers := 0; ; headers++ {
		header, err := u.files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case headers > 2*u.limits.Entries:
			return u.tooMany()
		}
		if err := u.take(header); err != nil {
			return err
		}
	}
}

// take adds what a header describes.
func (u *unpacker) take(header *tar.Header) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	name, err := u.name(header.Name)
	if err != nil {
		return err
	}
	if len(header.PAXRecords) > 0 || len(name) < len(header.Name) {
		name = strings.Clone(name) // it is a part of the header's records or of a longer path, up to 1 MiB, which nothing counts
	}
	if err := u.announced(name, header); err != nil || name == "." || render.OfGit(name) {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if u.implied[name] {
			delete(u.implied, name)
			return nil
		}
		return u.add(entry{name: name, mode: fs.ModeDir})
	case tar.TypeSymlink:
		if len(header.Linkname) > u.limits.Path {
			return refused("path too long", "holds a link, %s, to a path of %d bytes", name, len(header.Linkname))
		}
		if err := u.keep(int64(len(header.Linkname))); err != nil {
			return err
		}
		target := []byte(header.Linkname)
		return u.add(entry{name: name, mode: fs.ModeSymlink, data: target, hash: sha256.Sum256(target), size: int64(len(target))})
	case tar.TypeReg:
		return u.file(name, header.Size)
	}
	return refused("type", "holds %s, which is no file, folder or symbolic link (type %q)", name, header.Typeflag)
}

// announced checks what a header says of a file before any of it is read. A sparse file is larger than what is sent of it,
// without end if it likes; no archive of Argo CD's holds one.
func (u *unpacker) announced(name string, header *tar.Header) error {
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return refused("type", "holds %s, which is a sparse file", name)
		}
	}
	return u.plain.expect(header.Size)
}

// name checks a path and brings it into the one form in which the tree knows it.
func (u *unpacker) name(name string) (string, error) {
	clean := path.Clean(name)
	switch {
	case name == "" || path.IsAbs(name) || strings.ContainsRune(name, 0) || climbs(name):
		return "", refused("path", "holds the path %q, which leads out of it", name)
	case len(clean) > u.limits.Path:
		return "", refused("path too long", "holds a path of %d bytes: %.100s…", len(clean), clean)
	case strings.Count(clean, "/") >= u.limits.Depth:
		return "", refused("path too deep", "holds a path of more than %d folders: %.100s…", u.limits.Depth, clean)
	}
	return clean, nil
}

func climbs(name string) bool {
	return strings.Contains(name, "..") && slices.Contains(strings.Split(name, "/"), "..")
}

// add adds an entry and the folders above it.
func (u *unpacker) add(e entry) error {
	if _, duplicate := u.seen[e.name]; duplicate {
		return refused("duplicate", "holds %s twice", e.name)
	}
	if err := u.folder(path.Dir(e.name)); err != nil {
		return err
	}
	return u.append(e)
}

func (u *unpacker) folder(name string) error {
	if name == "." {
		return nil
	}
	if at, ok := u.seen[name]; ok {
		if !u.entries[at].mode.IsDir() {
			return refused("duplicate", "holds %s as a folder and as something else", name)
		}
		return nil
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	if u.implied == nil {
		u.implied = map[string]bool{}
	}
	u.implied[name] = true
	return u.append(entry{name: name, mode: fs.ModeDir})
}

func (u *unpacker) append(e entry) error {
	if len(u.entries) >= u.limits.Entries {
		return u.tooMany()
	}
	if err := u.keep(int64(len(e.name) + entryBytes + unpackingBytes)); err != nil {
		return err
	}
	u.seen[e.name] = len(u.entries)
	u.entries = append(u.entries, e)
	return nil
}

// keep counts what stays in memory.
func (u *unpacker) keep(n int64) error {
	if u.kept += n; u.kept > u.limits.Kept {
		return &RefusedError{Reason: "too large", Kept: true, message: fmt.Sprintf("the archive that Argo CD sent unpacks to more than "+
			"the %d MiB that there is room for; name what the Application needs in its annotation "+
			"argocd.argoproj.io/manifest-generate-paths, or raise the memory limit of the plugin's container, of which one unpacked "+
			"archive may take an eighth", u.limits.Kept>>20)}
	}
	return nil
}

func (u *unpacker) tooMany() error {
	return refused("too many files", "holds more than %d files; name in the Application's annotation "+
		"argocd.argoproj.io/manifest-generate-paths what it needs", u.limits.Entries)
}
