package mirror

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/hash"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/live/share"
	"github.com/tidegate/tidegate/generator/mirror/remote"
)

// maxPacks is how many packs are kept beside one another: every fetch adds one, and each costs a look for every object.
const maxPacks = 32

// maxObject is how large a file, or any other object, may be: go-git holds several of them in memory at a time, and joining
// packs holds ten. A few kilobytes of a pack are enough for gigabytes.
const maxObject = catalog.MaxFile

const incoming = "incoming-"

// addPack stores a pack of at most limit bytes. Nothing of one that is cut short or damaged stays.
func (s *store) addPack(pack io.Reader, limit int64) (err error) {
	file, err := os.CreateTemp(s.packs(), incoming)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if removed := os.Remove(file.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	written, err := io.Copy(file, io.LimitReader(pack, limit+1))
	if err != nil {
		return fmt.Errorf("reading the pack: %w", err)
	}
	if written > limit {
		return remote.ErrTooLarge
	}
	if err := errors.Join(checkPack(file), checkCount(file, written)); err != nil {
		return err
	}
	if err := checkSizes(file); err != nil {
		return err
	}
	index, name, err := indexPack(file)
	if err != nil {
		return fmt.Errorf("the pack is damaged: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Chmod(0o400)); err != nil {
		return err
	}
	// Where there is a pack, go-git expects its index.
	base := filepath.Join(s.packs(), "pack-"+name.String())
	if err := writeSynced(base+".idx", index); err != nil {
		return err
	}
	return os.Rename(file.Name(), base+".pack")
}

// indexPack resolves every delta, and so knows the name of every object. go-git's own writer does the same, and keeps two
// files open and one on disk for each pack that is damaged.
func indexPack(file *os.File) (index []byte, name plumbing.Hash, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, name, err
	}
	writer := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(file), writer)
	if err != nil {
		return nil, name, err
	}
	if name, err = parser.Parse(); err != nil {
		return nil, name, err
	}
	entries, err := writer.Index()
	if err != nil {
		return nil, name, err
	}
	var out bytes.Buffer
	_, err = idxfile.NewEncoder(&out).Encode(entries)
	return out.Bytes(), name, err
}

// checkPack compares a pack, or an index, with the checksum at its end.
func checkPack(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	digest, want := hash.New(hash.CryptoType), make([]byte, hash.Size)
	if info.Size() < int64(len(want)) {
		return fmt.Errorf("%s is cut short", filepath.Base(file.Name()))
	}
	if _, err := io.Copy(digest, io.NewSectionReader(file, 0, info.Size()-int64(len(want)))); err != nil {
		return err
	}
	if _, err := file.ReadAt(want, info.Size()-int64(len(want))); err != nil {
		return err
	}
	if !bytes.Equal(digest.Sum(nil), want) {
		return fmt.Errorf("%s does not have the checksum that it says", filepath.Base(file.Name()))
	}
	return nil
}

// checkCount refuses a pack that says it has more objects than it has room for: go-git would make room for them all.
func checkCount(file *os.File, size int64) error {
	const smallest = 9 // a byte that says what follows, and nothing, compressed
	header := make([]byte, 12)
	if _, err := file.ReadAt(header, 0); err != nil {
		return fmt.Errorf("the pack is cut short: %w", err)
	}
	if count := int64(binary.BigEndian.Uint32(header[8:])); count*smallest > size {
		return fmt.Errorf("the pack says that it has %d objects, in %d bytes", count, size)
	}
	return nil
}

// checkSizes refuses a pack with an object that would be larger than what is held in memory: itself, or what a delta makes.
func checkSizes(file *os.File) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the pack is damaged: %v", cause)
		}
	}()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	scanner := packfile.NewScanner(file)
	_, count, err := scanner.Header()
	for ; err == nil && count > 0; count-- {
		err = checkSize(scanner)
	}
	if err != nil && !errors.Is(err, errObject) {
		err = fmt.Errorf("the pack is damaged: %w", err)
	}
	return err
}

var errObject = errors.New("the repository holds a file that is too large")

func checkSize(scanner *packfile.Scanner) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return err
	}
	// What it inflates to need not be what it says.
	size, beginning := header.Length, &beginning{}
	if size <= maxObject {
		if _, _, err := scanner.NextObject(beginning); err != nil && beginning.size <= maxObject {
			return err
		}
		size = max(size, beginning.size)
	}
	if header.Type.IsDelta() {
		size = max(size, beginning.target())
	}
	if size > maxObject {
		return fmt.Errorf("%w: %d bytes, where %d are read; take it out of the branch's history", errObject, size, maxObject)
	}
	return nil
}

// beginning keeps the first bytes that are written to it: those of a delta say how large its base is, and what it makes. It
// takes no more than may be read.
type beginning struct {
	bytes [2 * binary.MaxVarintLen64]byte
	n     int
	size  int64
}

func (b *beginning) Write(p []byte) (int, error) {
	b.n += copy(b.bytes[b.n:], p)
	if b.size += int64(len(p)); b.size > maxObject {
		return 0, errObject
	}
	return len(p), nil
}

// target is the size of what a delta makes; one that says none is for the parser to refuse.
func (b *beginning) target() int64 {
	_, n := binary.Uvarint(b.bytes[:b.n])
	size, m := binary.Uvarint(b.bytes[max(n, 0):b.n])
	if n <= 0 || m < 0 || size > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(size)
}

// verify reads every pack and every index.
func (s *store) verify() error {
	if _, err := git.PlainOpen(s.repository()); err != nil {
		return err
	}
	found, err := os.ReadDir(s.packs())
	if err != nil {
		return err
	}
	for _, at := range found {
		if err := checkFile(filepath.Join(s.packs(), at.Name())); err != nil {
			return err
		}
	}
	return nil
}

func checkFile(name string) error {
	if strings.HasPrefix(filepath.Base(name), incoming) {
		return os.Remove(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(checkPack(file), file.Close())
}

// compact makes one pack of all but the largest, where there are many. Whoever reads has to wait only while those are removed:
// go-git lists packs before it opens them.
func (s *store) compact(limit int64, exclusively func(change func() error) error) (err error) {
	defer share.Recover(&err) // whatever becomes of it, the commit has been read
	packs, err := s.smaller()
	if err != nil || len(packs) < maxPacks {
		return err
	}
	if err := s.join(packs, limit); err != nil {
		return fmt.Errorf("joining %d packs: %w", len(packs), err)
	}
	return exclusively(func() error {
		for _, pack := range packs {
			if err := errors.Join(os.Remove(pack+".pack"), os.Remove(pack+".idx")); err != nil {
				return err
			}
		}
		return nil
	})
}

// join adds a pack with what others hold.
func (s *store) join(packs []string, limit int64) error {
	repository, err := git.PlainOpen(s.repository())
	if err != nil {
		return err
	}
	objects := map[plumbing.Hash]bool{}
	for _, pack := range packs {
		if err := listPack(pack+".idx", objects); err != nil {
			return err
		}
	}
	hashes := make([]plumbing.Hash, 0, len(objects))
	for object := range objects {
		hashes = append(hashes, object)
	}
	slices.SortFunc(hashes, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	from, to := io.Pipe()
	go func() { to.CloseWithError(encode(to, repository.Storer, hashes)) }()
	return errors.Join(s.addPack(from, limit), from.Close())
}

func encode(to io.Writer, from storer.EncodedObjectStorer, hashes []plumbing.Hash) (err error) {
	defer share.Recover(&err)
	objects, err := choose(from, hashes)
	if err != nil {
		return err
	}
	_, err = packfile.NewEncoder(to, objects, false).Encode(hashes, 10)
	return err
}

// smaller are all packs but the largest, without their endings.
func (s *store) smaller() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(s.packs(), "*.pack"))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	sizes := make(map[string]int64, len(found))
	for _, name := range found {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		sizes[name] = info.Size()
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) })
	out := found[1:]
	for i := range out {
		out[i] = strings.TrimSuffix(out[i], ".pack")
	}
	return out, nil
}

func listPack(name string, into map[plumbing.Hash]bool) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	index := idxfile.NewMemoryIndex()
	err = idxfile.NewDecoder(file).Decode(index)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	entries, err := index.Entries()
	if err != nil {
		return err
	}
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return entries.Close()
		}
		if err != nil {
			return errors.Join(err, entries.Close())
		}
		into[entry.Hash] = true
	}
}
