package cmpserver

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/store"
)

const mib = 1 << 20

// sent is an archive as it has been received.
type sent struct {
	checksum string
	content  []byte
}

// packed is an archive of one file, checked out at a time.
func packed(t *testing.T, content string, size int64, checkout time.Time) sent {
	t.Helper()
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewWriter(zip)
	data := make([]byte, size)
	copy(data, content)
	if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: size, Mode: 0o644, ModTime: checkout}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(files.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return sent{fmt.Sprintf("%x", sha256.Sum256(out.Bytes())), out.Bytes()}
}

// bench are trees with so much room, that count how often they unpack.
func bench(room, kept int64) (t *trees, unpacked *int) {
	unpacked = new(int)
	t = newTrees(store.New(kept), generate.NewQueue(2), room, archive.Limits{File: 64 * mib})
	t.read = func(ctx context.Context, r io.Reader, limits archive.Limits) (*archive.Tree, error) {
		t.mutex.Lock()
		*unpacked++
		t.mutex.Unlock()
		return archive.Unpack(ctx, r, limits)
	}
	return t, unpacked
}

// left is what is free, and nothing if somebody waits.
func (s *pool) left() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.line) > 0 {
		return 0
	}
	return s.free
}

// take unpacks, and must not have to wait for others.
func (t *trees) take(test *testing.T, a sent) (*archive.Tree, func()) {
	test.Helper()
	ctx, cancel := context.WithTimeout(test.Context(), 3*time.Minute)
	defer cancel()
	tree, release, err := t.unpack(ctx, a.checksum, a.content, asker{})
	if err != nil {
		test.Fatal(err)
	}
	return tree, release
}

func TestATreeWaitsOnlyForTheRoomThatItNeeds(t *testing.T) {
	trees, unpacked := bench(96*mib, 32*mib)
	_, tiny := trees.take(t, packed(t, "rendered by a slow child", 1, time.Time{}))
	defer tiny()
	_, large := trees.take(t, packed(t, "large", 5*mib, time.Time{}))
	defer large()
	_, third := trees.take(t, packed(t, "third", 1, time.Time{}))
	defer third()
	if *unpacked != 3 {
		t.Errorf("three archives were unpacked %d times", *unpacked)
	}
}

func TestASmallTreeDoesNotWaitBehindALargeOne(t *testing.T) {
	trees, _ := bench(24*mib, mib)
	_, release := trees.take(t, packed(t, "rendered by a slow child", 12*mib, time.Time{}))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	second := packed(t, "second", 12*mib, time.Time{})
	answered := make(chan error, 1)
	go func() {
		_, release, err := trees.unpack(ctx, second.checksum, second.content, asker{})
		if err == nil {
			release()
		}
		answered <- err
	}()
	for trees.rooms.main.left() > 0 {
		if ctx.Err() != nil {
			t.Fatal("the second large tree does not wait for room")
		}
		runtime.Gosched()
	}
	_, small := trees.take(t, packed(t, "small", 1, time.Time{}))
	small()
	release()
	if err := <-answered; err != nil {
		t.Errorf("with room again, the large one gets %v", err)
	}
}

func TestOneTreeNeverTakesAllRoom(t *testing.T) {
	for _, room := range []int64{mib, 24 * mib, 96 * mib, 1 << 30} {
		r := newRooms(room)
		p, err := r.enter(t.Context(), "a", 1<<40)
		if err != nil {
			t.Fatal(err)
		}
		if left := room - p.bytes; left < room/4 || r.main.left() < room/8 {
			t.Errorf("of %d bytes, one tree leaves %d to the others", room, left)
		}
	}
}

func TestEqualTreesAreHeldOnce(t *testing.T) {
	const clients = 20
	now := time.Unix(1_700_000_000, 0)
	for name, checkout := range map[string]func(i int) time.Time{
		"one archive":    func(int) time.Time { return now },
		"many checkouts": func(i int) time.Time { return now.Add(time.Duration(i) * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			trees, unpacked := bench(96*mib, 0) // the store keeps nothing
			copies, checksums := map[*archive.Tree]bool{}, map[string]bool{}
			var archives []sent
			for i := range 4 {
				archives = append(archives, packed(t, "large", 20*mib, checkout(i)))
			}
			for i := range clients {
				a := archives[i%len(archives)]
				checksums[a.checksum] = true
				tree, release := trees.take(t, a)
				defer release()
				copies[tree] = true
				if found := trees.byChecksum(a.checksum); found != tree {
					t.Fatalf("by its checksum, the tree of client %d is %p and not %p", i, found, tree)
				}
			}
			if len(copies) != 1 {
				t.Errorf("%d copies are held for %d clients", len(copies), clients)
			}
			if *unpacked != len(checksums) {
				t.Errorf("%d archives were unpacked %d times", len(checksums), *unpacked)
			}
		})
	}
}

func TestWhatNobodyHoldsTakesNoRoom(t *testing.T) {
	trees, _ := bench(24*mib, mib)
	var releases []func()
	for i := range 3 * maxChecksums {
		_, release := trees.take(t, packed(t, "a", 1, time.Unix(int64(i), 0)))
		releases = append(releases, release)
	}
	if n := len(trees.checksums); n > maxChecksums {
		t.Errorf("%d checksums lead to one tree", n)
	}
	for _, release := range releases {
		if len(trees.held) != 1 {
			t.Fatal("it is given up while requests hold it")
		}
		release()
	}
	if len(trees.held)+len(trees.checksums) > 0 || trees.rooms.main.left() != 20*mib || trees.rooms.nook.left() != 4*mib {
		t.Errorf("%d trees and %d checksums are left, or their room", len(trees.held), len(trees.checksums))
	}
}

// A monorepo that is sent whole is sent for every Application, one after the other.
func TestATreeThatIsTooLargeForTheStoreIsUnpackedOnce(t *testing.T) {
	for _, size := range []int64{20, 63} {
		t.Run(fmt.Sprint(size, " MiB"), func(t *testing.T) {
			trees, unpacked := bench(96*mib, 32*mib)
			large, other := packed(t, "monorepo", size*mib, time.Time{}), packed(t, "another", size*mib, time.Time{})
			for range 3 {
				_, release := trees.take(t, large)
				_, small := trees.take(t, packed(t, "small", 1, time.Time{})) // which changes nothing
				small()
				release()
			}
			if *unpacked != 2 || trees.count() != 2 {
				t.Errorf("two trees were unpacked %d times, and %d are kept", *unpacked, trees.count())
			}
			_, release := trees.take(t, other) // for which there must be room
			release()
			if *unpacked != 3 || trees.spare == nil || len(trees.held) != 1 {
				t.Errorf("%d trees are there that nobody holds", len(trees.held))
			}
			trees.rooms.main.reclaim()
			if len(trees.held)+len(trees.checksums)+len(trees.rooms.main.has) > 0 || trees.rooms.main.left() != 80*mib {
				t.Errorf("%d trees and %d checksums are left, %v, or their room", len(trees.held), len(trees.checksums), trees.rooms.main.has)
			}
		})
	}
}

func TestEachTreeThatIsThereIsCountedOnce(t *testing.T) {
	trees, _ := bench(96*mib, 32*mib)
	_, small := trees.take(t, packed(t, "held and kept", 1, time.Time{}))
	defer small()
	_, large := trees.take(t, packed(t, "too large for the store", 20*mib, time.Time{}))
	if n := trees.count(); n != 2 {
		t.Errorf("%d are counted while two are held", n)
	}
	large()
	if n := trees.count(); n != 2 {
		t.Errorf("%d are counted when one of them is spare", n)
	}
}

func TestATreeThatNobodyHoldsGivesItsRoomToWhoeverNeedsIt(t *testing.T) {
	trees, _ := bench(24*mib, mib)
	_, release := trees.take(t, packed(t, "spare", 12*mib, time.Time{}))
	release()
	if trees.spare == nil || len(trees.rooms.main.has) > 0 {
		t.Fatalf("it does not stay, or counts as somebody's: %v", trees.rooms.main.has)
	}
	_, release = trees.take(t, packed(t, "another", 12*mib, time.Time{}))
	release()
	if len(trees.held) != 1 {
		t.Errorf("%d trees are there that nobody holds", len(trees.held))
	}
}

func TestARefusalIsUnpackedOnce(t *testing.T) {
	good := packed(t, "a", 5*mib, time.Time{})
	for name, test := range map[string]struct {
		content []byte
		times   int
	}{
		"corrupted":            {append(bytes.Clone(good.content[:len(good.content)/2]), good.content[len(good.content)-8:]...), 1},
		"larger than the room": {packed(t, "a", 20*mib, time.Time{}).content, 1},
		// Two archives in one say the size of the last; with room for more, it may be a tree.
		"larger than it says": {append(bytes.Clone(good.content), packed(t, "", 0, time.Time{}).content...), 2},
	} {
		t.Run(name, func(t *testing.T) {
			trees, unpacked := bench(24*mib, 32*mib)
			_, release, err := trees.unpack(t.Context(), "checksum", test.content, asker{})
			if err == nil {
				release()
			}
			if (err == nil) != (test.times == 2) || *unpacked != test.times {
				t.Errorf("unpacked %d times, got %v", *unpacked, err)
			}
			if trees.rooms.main.left() != 20*mib || trees.rooms.nook.left() != 4*mib {
				t.Error("room is left set aside")
			}
		})
	}
}

func TestAPanicWhileUnpackingIsOneRequestsError(t *testing.T) {
	trees, _ := bench(24*mib, 32*mib)
	read := trees.read
	trees.read = func(context.Context, io.Reader, archive.Limits) (*archive.Tree, error) { panic("no such thing") }
	a := packed(t, "a", mib, time.Time{})
	_, _, err := trees.unpack(t.Context(), a.checksum, a.content, asker{})
	var panicked *generate.PanicError
	if !errors.As(err, &panicked) || reason(err) != "panic" {
		t.Fatalf("got %v", err)
	}
	trees.read = read
	_, release := trees.take(t, a)
	release()
	if trees.rooms.main.left() != 20*mib {
		t.Error("room is left set aside")
	}
}
