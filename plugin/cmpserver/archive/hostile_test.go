package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
)

func TestUnpackingEndsWithItsRequest(t *testing.T) {
	content := pack(t, file("a", "1"), file("b", strings.Repeat("b", 1<<20)))
	for name, after := range map[string]int{"before it begins": 0, "in the middle": 300} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			read := &cancelling{from: bytes.NewReader(content), after: after, cancel: cancel}
			if after == 0 {
				cancel()
			}
			_, err := archive.Unpack(ctx, read, archive.Limits{})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if read.left() == 0 {
				t.Error("the archive was read to its end")
			}
		})
	}
}

// cancelling cancels when so much has been read, a few bytes at a time.
type cancelling struct {
	from   *bytes.Reader
	after  int
	cancel func()
}

func (c *cancelling) left() int { return c.from.Len() }

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.from.Read(p[:min(len(p), 100)])
	if c.after -= n; c.after <= 0 {
		c.cancel()
	}
	return n, err
}

// What comes out of few compressed bytes, without another look at the reader, ends with the request as well.
func TestABombEndsWithItsRequest(t *testing.T) {
	var bomb bytes.Buffer
	zip, err := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewWriter(zip)
	const size = 16 << 20
	if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(files, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = archive.Unpack(ctx, &whole{content: bomb.Bytes(), then: cancel}, archive.Limits{File: 1 << 20})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// whole is a reader that hands out all that it is asked for, and calls a function when nothing is left.
type whole struct {
	content []byte
	then    func()
}

func (w *whole) Read(p []byte) (int, error) {
	n := copy(p, w.content)
	if w.content = w.content[n:]; len(w.content) == 0 {
		w.then()
		return n, io.EOF
	}
	return n, nil
}

// sparse is an archive of a file that is larger than anything, of which one byte is sent (GNU tar's format 0.1).
func sparse(t testing.TB) []byte {
	t.Helper()
	var records strings.Builder
	for _, r := range []string{"GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.size=9223372036854775807", "GNU.sparse.numblocks=1", "GNU.sparse.map=0,1"} {
		fmt.Fprintf(&records, "%d %s\n", len(r)+4, r)
	}
	content := unzipped(t, pack(t, file("records", records.String()), file("sparse", "x")))
	content[156] = tar.TypeXHeader
	sign(content[:block])
	return zipped(t, string(content))
}

func unzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestASparseFileIsRefusedBeforeItIsRead(t *testing.T) {
	content := sparse(t)
	entries := tar.NewReader(bytes.NewReader(unzipped(t, content)))
	if h, err := entries.Next(); err != nil || h.Size != 1<<63-1 {
		t.Fatalf("the archive is none of a sparse file: %+v, %v", h, err)
	}
	wantRefusal(t, content, archive.Limits{}, "type")
}

func TestASizeThatIsTooMuchIsRefusedBeforeItIsRead(t *testing.T) {
	content := unzipped(t, pack(t, file("a", "1")))
	copy(content[124:136], fmt.Sprintf("%011o\x00", 3<<30))
	sign(content[:block])
	wantRefusal(t, zipped(t, string(content)), archive.Limits{}, "too large")
}

func wantRefusal(t *testing.T, content []byte, limits archive.Limits, reason string) {
	t.Helper()
	_, err := archive.Unpack(t.Context(), bytes.NewReader(content), limits)
	var refused *archive.RefusedError
	if !errors.As(err, &refused) || refused.Reason != reason {
		t.Errorf("got %v, want a refusal for %q", err, reason)
	}
}

func TestAMillionEmptyFilesTakeLittleMemory(t *testing.T) {
	in, out := io.Pipe()
	base, most := live(), uint64(0)
	written := make(chan int, 1)
	go func() {
		zip, _ := gzip.NewWriterLevel(out, gzip.BestSpeed)
		template := unzipped(t, pack(t, file(fmt.Sprintf("%07d", 0), "")))[:block]
		n := 0
		for ; n < 1_000_000; n++ {
			copy(template, fmt.Sprintf("%07d", n))
			sign(template)
			if _, err := zip.Write(template); err != nil {
				break
			}
			if n%30_000 == 0 {
				most = max(most, live())
			}
		}
		written <- n
	}()
	_, err := archive.Unpack(t.Context(), in, archive.Limits{})
	in.Close()
	n := <-written
	var refused *archive.RefusedError
	if !errors.As(err, &refused) || refused.Reason != "too many files" {
		t.Errorf("got %v", err)
	}
	if n < 240_000 {
		t.Errorf("it ended at %d files", n)
	}
	if grown := int64(most) - int64(base); grown > 64<<20 {
		t.Errorf("%d MiB are in use for %d entries", grown>>20, n)
	}
}

// live is how much memory is in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Git keeps the target of a link in a file of any content, and gzip makes little of one that repeats itself.
func TestLinksToLongPathsTakeRoomLikeFiles(t *testing.T) {
	var headers []header
	for i := range 1000 {
		headers = append(headers, link(fmt.Sprint(i), strings.Repeat("a/../", 800)))
	}
	wantRefusal(t, pack(t, headers...), archive.Limits{Kept: 2 << 20}, "too large")
}

func TestOfAHeaderOnlyThePathIsKept(t *testing.T) {
	long := func(of string) string { return strings.Repeat(of, 900<<10) }
	for name, header := range map[string]func(int) *tar.Header{
		// A path that is not plain ASCII stands in a record beside others.
		"records": func(i int) *tar.Header {
			return &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("é%d", i), PAXRecords: map[string]string{"A.comment": long("x")}}
		},
		"a path of which little means something": func(i int) *tar.Header {
			return &tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprint(i) + long("/"), Format: tar.FormatGNU}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			zip := gzip.NewWriter(&out)
			files := tar.NewWriter(zip)
			for i := range 100 {
				if err := files.WriteHeader(header(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(files.Close(), zip.Close()); err != nil {
				t.Fatal(err)
			}
			before := live()
			tree, err := archive.Unpack(t.Context(), &out, archive.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if taken := int64(live()) - int64(before); taken > 1<<20 {
				t.Errorf("%d MiB are in use for %d empty files", taken>>20, len(slices.Collect(tree.Names())))
			}
		})
	}
}

func TestWhatATreeIsSaidToTakeIsWhatItTakes(t *testing.T) {
	var headers []header
	for i := range 20_000 {
		headers = append(headers, file(fmt.Sprintf("services/%05d/kustomization.yaml", i), strings.Repeat("a", i%200)))
	}
	content := pack(t, headers...)
	headers = nil
	before := live()
	tree, err := archive.Unpack(t.Context(), bytes.NewReader(content), archive.Limits{Expanded: archive.Expanded(content)})
	if err != nil {
		t.Fatal(err)
	}
	taken := int64(live()) - int64(before)
	if taken > tree.Bytes()*5/4 || taken < tree.Bytes()/2 {
		t.Errorf("it takes %d KiB and says %d", taken>>10, tree.Bytes()>>10)
	}
	if len(slices.Collect(tree.Names())) != 40_001 {
		t.Error("it holds something else")
	}
}

// TestASmallFileBesideALargeOneTakesLittle: it gets no block for many small ones.
func TestASmallFileBesideALargeOneTakesLittle(t *testing.T) {
	content := pack(t, file("dashboard.json", strings.Repeat("a", 64<<10)), file("kustomization.yaml", "resources: []\n"))
	before := live()
	var trees []*archive.Tree
	said := int64(0)
	for range 100 {
		tree, err := archive.Unpack(t.Context(), bytes.NewReader(content), archive.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
		said += tree.Bytes()
	}
	if taken := int64(live()) - int64(before); taken > said*5/4 {
		t.Errorf("%d trees take %d KiB and say %d", len(trees), taken>>10, said>>10)
	}
	runtime.KeepAlive(trees)
}

// TestAnArchiveIsNotKeptByWhatUnpackedIt: its memory counts as free as soon as it is unpacked.
func TestAnArchiveIsNotKeptByWhatUnpackedIt(t *testing.T) {
	gone := make(chan struct{})
	func() {
		content := bytes.NewReader(pack(t, file("a", "1")))
		runtime.SetFinalizer(content, func(*bytes.Reader) { close(gone) })
		if _, err := archive.Unpack(t.Context(), content, archive.Limits{}); err != nil {
			t.Fatal(err)
		}
	}()
	runtime.GC() // once: what a pool holds outlives one collection
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("something still has it")
	}
}
