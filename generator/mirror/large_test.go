package mirror

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/hash"
)

func TestAFileThatWouldNotFitIntoMemoryIsRefusedBeforeItIsInflated(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	good := updated(t, m).ID
	zeros, err := os.Create(filepath.Join(remote.dir, "zeros"))
	if err == nil {
		err = errors.Join(zeros.Truncate(maxObject+1), zeros.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	large := remote.commit(nil)
	doubted(t, m, good, Outage, "holds a file that is too large: 33554433 bytes", "take it out of the branch's history")
	if packs, err := os.ReadDir(m.store.packs()); err != nil || len(packs) != 2 {
		t.Errorf("%v: %v", packs, err)
	}
	remote.commit(map[string]string{"zeros": ""})
	doubted(t, m, good, Outage, "too large")
	remote.git("reset", "--quiet", "--hard", large+"~1")
	remote.commit(map[string]string{"README.md": "x"})
	updated(t, m)
}

// packed is a pack of objects, each of a type and what it inflates to.
func packed(t *testing.T, objects ...func(*bytes.Buffer)) io.Reader {
	t.Helper()
	var out bytes.Buffer
	out.WriteString("PACK\x00\x00\x00\x02")
	if err := binary.Write(&out, binary.BigEndian, uint32(len(objects))); err != nil {
		t.Fatal(err)
	}
	for _, add := range objects {
		add(&out)
	}
	digest := hash.New(hash.CryptoType)
	digest.Write(out.Bytes())
	return bytes.NewReader(digest.Sum(out.Bytes()))
}

// head writes the type and the size of an object.
func head(out *bytes.Buffer, kind plumbing.ObjectType, size int) {
	first := byte(kind)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		out.WriteByte(first | 0x80)
		first = byte(size & 127)
	}
	out.WriteByte(first)
}

func deflated(out *bytes.Buffer, content []byte) {
	to := zlib.NewWriter(out)
	_, _ = to.Write(content)
	_ = to.Close()
}

// What a delta makes is larger than the delta and its base: copies of the base, over and over.
func TestADeltaThatWouldNotFitIntoMemoryIsRefused(t *testing.T) {
	base := bytes.Repeat([]byte{'x'}, 1<<16)
	of := func(size uint64, copies int) []byte {
		delta := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(base))), size)
		return append(delta, bytes.Repeat([]byte{0x80}, copies)...) // 0x80: 64 KiB of the base, from its beginning
	}
	for _, test := range []struct {
		name  string
		delta []byte
		want  string
	}{
		{"one that fits", of(4<<16, 4), ""},
		{"one that does not", of(1<<30, 1<<14), "1073741824 bytes, where 33554432 are read"},
		{"one whose size is no number", bytes.Repeat([]byte{0xff}, 40), "too large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &store{dir: t.TempDir()}
			if err := s.reset(); err != nil {
				t.Fatal(err)
			}
			var at int
			pack := packed(t, func(out *bytes.Buffer) {
				at = out.Len()
				head(out, plumbing.BlobObject, len(base))
				deflated(out, base)
			}, func(out *bytes.Buffer) {
				back := out.Len() - at
				head(out, plumbing.OFSDeltaObject, len(test.delta))
				distance := []byte{byte(back & 127)}
				for back >>= 7; back > 0; back >>= 7 {
					back--
					distance = append([]byte{0x80 | byte(back&127)}, distance...)
				}
				out.Write(distance)
				deflated(out, test.delta)
			})
			err := s.addPack(pack, 1<<20)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestAnObjectThatIsLargerThanItSaysIsRefused(t *testing.T) {
	s := &store{dir: t.TempDir()}
	if err := s.reset(); err != nil {
		t.Fatal(err)
	}
	pack := packed(t, func(out *bytes.Buffer) {
		head(out, plumbing.BlobObject, 5)
		deflated(out, make([]byte, 4*maxObject))
	})
	if err := s.addPack(pack, 1<<20); !errors.Is(err, errObject) {
		t.Errorf("%v, want %v", err, errObject)
	}
}
