package mirror

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/live/share"
	"github.com/tidegate/tidegate/plugin/render"
)

const overlay = "services/api/overlays/staging/kustomization.yaml"

func TestOnlyWhatChangedBetweenTwoRevisionsIsRenderedAgain(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	known := catalog.New(m, render.NewInProcess())
	for _, step := range []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"the first time", nil, 3},
		{"nothing", nil, 0},
		{"an overlay", map[string]string{overlay: "namespace: moved\nresources: [../../base]\n"}, 1},
		{"the base of two", map[string]string{"services/api/base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: other}\n"}, 2},
		{"a new service", map[string]string{"services/web/overlays/staging/kustomization.yaml": "namespace: web\nresources: []\n"}, 1},
		{"one that is gone", map[string]string{"services/web": ""}, 0},
		{"a file that none reads", map[string]string{"README.md": "x"}, 0},
	} {
		if step.files != nil {
			remote.commit(step.files)
		}
		updated(t, m)
		view, err := known.Read(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if view.Rendered != step.want || view.Revision != remote.head() {
			t.Errorf("%s: %d overlays were rendered at %s, want %d at %s", step.name, view.Rendered, view.Revision, step.want, remote.head())
		}
	}
}

func TestNothingIsServedBeforeTheFirstFetch(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	_, err := m.Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "has not been read since the generator started") || m.State().Reason != Unread {
		t.Errorf("%v, %+v", err, m.State())
	}
	updated(t, m)
}

func TestAnOutageKeepsTheLastGoodRevisionAndSaysSince(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	updated(t, m)
	good, contact := remote.head(), m.State().Contact
	if err := os.Rename(remote.dir, remote.dir+".away"); err != nil {
		t.Fatal(err)
	}
	doubted(t, m, good, Outage, contact.UTC().Format(time.RFC3339), "no such file")
	if !m.State().Contact.Equal(contact) {
		t.Error("a failed fetch counts as contact")
	}
	if err := os.Rename(remote.dir+".away", remote.dir); err != nil {
		t.Fatal(err)
	}
	updated(t, m)
}

func TestARewrittenBranchIsTakenOnlyWhenItsRevisionIsAccepted(t *testing.T) {
	for _, test := range []struct {
		name, words string
		rewrite     func(u *upstream)
	}{
		{"another history", "does not follow", func(u *upstream) {
			u.git("checkout", "--quiet", "--orphan", "other")
			u.commit(map[string]string{overlay: "namespace: other\nresources: [../../base]\n"})
			u.git("branch", "--force", "main", "other")
			u.git("checkout", "--quiet", "main")
		}},
		{"an amended commit", "does not follow", func(u *upstream) { u.git("commit", "--quiet", "--amend", "--message", "amended") }},
		{"an earlier commit", "is older than", func(u *upstream) { u.git("reset", "--quiet", "--hard", "HEAD~1") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote := newUpstream(t, config)
			remote.commit(map[string]string{"README.md": "one"})
			remote.commit(map[string]string{"README.md": "two"})
			m := open(t, remote.options())
			good := updated(t, m).ID
			test.rewrite(remote)
			rewritten := remote.head()
			doubted(t, m, good, Rewritten, test.words, "--accept-revision "+rewritten)
			moved := remote.commit(map[string]string{"README.md": "moving on is no confirmation"})
			doubted(t, m, good, Rewritten, "--accept-revision "+moved)
			m.Accept(good)
			doubted(t, m, good, Rewritten)
			if test.words == "is older than" {
				// It lies before the last good one: only the very revision can be meant.
				m.Accept(rewritten)
				doubted(t, m, good, Rewritten)
				m.Accept(moved)
			} else {
				m.Accept(rewritten)
			}
			if updated(t, m); served(m) != moved {
				t.Errorf("%s is served, want what follows the accepted revision: %s", served(m), moved)
			}
		})
	}
}

func TestANewCopyFollowsWhatOthersTookForTheTruth(t *testing.T) {
	remote := newUpstream(t, config)
	good := remote.commit(map[string]string{"README.md": "one"})
	options := remote.options()
	options.Witness = func(context.Context) (string, error) { return good, nil }
	updated(t, open(t, options))

	remote.git("commit", "--quiet", "--amend", "--message", "amended")
	options.Dir = t.TempDir()
	m := open(t, options)
	rewritten := remote.head()
	doubted(t, m, "", Rewritten, "does not follow "+good, "--accept-revision "+rewritten)
	m.Accept(rewritten)
	updated(t, m)

	options.Dir = t.TempDir()
	options.Witness = func(context.Context) (string, error) { return "", errors.New("forbidden") }
	doubted(t, open(t, options), "", Unread, "which revision was the last good one cannot be read: forbidden")
	options.Witness = func(context.Context) (string, error) { return "", nil }
	options.Dir = t.TempDir()
	updated(t, open(t, options))
}

// What another replica has served would be gone from this one's answers, if this fails: the branch was rewritten after the
// other had read it, and before this one did.
func TestACommitMustFollowWhatOthersTookForTheTruth(t *testing.T) {
	for _, test := range []struct {
		name    string
		rewrite func(u *upstream)
	}{
		{"amended", func(u *upstream) { u.git("commit", "--quiet", "--amend", "--message", "amended") }},
		{"set back", func(u *upstream) { u.git("reset", "--quiet", "--hard", "HEAD~1") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote := newUpstream(t, config)
			witnessed, unreadable := "", error(nil)
			options := remote.options()
			options.Witness = func(context.Context) (string, error) { return witnessed, unreadable }
			m := open(t, options)
			first := updated(t, m).ID
			witnessed = remote.commit(map[string]string{"README.md": "one"})
			other := witnessed
			test.rewrite(remote)
			doubted(t, m, first, Rewritten, "does not follow "+other, "--accept-revision "+remote.head())
			if follows, err := m.Follows(t.Context(), other); follows || err != nil {
				t.Errorf("what lags behind follows what is ahead: %v, %v", follows, err)
			}
			unreadable = errors.New("forbidden")
			doubted(t, m, first, Outage, "other replicas", "forbidden")
			unreadable = nil
			m.Accept(remote.head())
			updated(t, m)
			if follows, err := m.Follows(t.Context(), other); !follows || err != nil {
				t.Errorf("what was accepted instead of another one does not take its place: %v, %v", follows, err)
			}
		})
	}
	remote := newUpstream(t, config)
	older := remote.head()
	remote.commit(map[string]string{"README.md": "one"})
	options := remote.options()
	options.Witness = func(context.Context) (string, error) { return older, nil }
	m := open(t, options)
	updated(t, m)
	remote.commit(map[string]string{"README.md": "two"})
	updated(t, m)
	if follows, err := m.Follows(t.Context(), older); !follows || err != nil {
		t.Errorf("%v, %v", follows, err)
	}
}

// Between two replicas that fetch one after the other there is no doubt, although the one sees what the other has taken.
func TestWhatOthersTookIsAskedForBeforeTheBranchIs(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	options.Witness = func(context.Context) (string, error) {
		return remote.commit(map[string]string{"README.md": rand.Text()}), nil
	}
	m := open(t, options)
	for range 3 {
		updated(t, m)
	}
}

func TestAConfirmationThatIsLeftInTheArgumentsConfirmsNoRewriteToANewCopy(t *testing.T) {
	remote := newUpstream(t, config)
	confirmed := remote.commit(map[string]string{"README.md": "confirmed long ago"})
	after := remote.commit(map[string]string{"README.md": "after it"})
	good := remote.commit(map[string]string{"README.md": "good"})
	options := remote.options()
	options.Accept = []string{confirmed}
	options.Witness = func(context.Context) (string, error) { return good, nil }
	updated(t, open(t, options))
	remote.git("reset", "--quiet", "--hard", after)
	options.Dir = t.TempDir()
	doubted(t, open(t, options), "", Rewritten, "--accept-revision "+after)
}

func TestAConfirmationCountsOnce(t *testing.T) {
	remote := newUpstream(t, config)
	first := remote.head()
	remote.commit(map[string]string{"README.md": "one"})
	options := remote.options()
	options.Accept = []string{first}
	m := open(t, options)
	updated(t, m)
	good := remote.head()
	remote.git("reset", "--quiet", "--hard", first)
	doubted(t, m, good, Rewritten)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, options)
	doubted(t, m, good, Rewritten)
}

func TestAnEmptiedRepositoryIsADoubt(t *testing.T) {
	for _, test := range []struct {
		name   string
		empty  func(u *upstream)
		reason Reason
		words  string
		// final says that no confirmation helps.
		final bool
	}{
		{"without tidegate.yaml", func(u *upstream) { u.commit(map[string]string{"tidegate.yaml": ""}) }, Emptied, "tidegate.yaml is missing", true},
		{"without services", func(u *upstream) { u.commit(map[string]string{"services": ""}) }, Emptied, "all 1 folders below services/ are gone", false},
		{"with a file for services", func(u *upstream) {
			u.commit(map[string]string{"services": ""})
			u.commit(map[string]string{"services": "x"})
		},
			Emptied, "all 1 folders below services/", false},
		{"without clusters", func(u *upstream) { u.commit(map[string]string{"clusters": ""}) }, Emptied, "all 1 folders below clusters/ are gone", false},
		{"without files", func(u *upstream) { u.git("rm", "-r", "--quiet", "."); u.commit(nil) }, Emptied, "tidegate.yaml is missing", true},
		{"without the branch", func(u *upstream) { u.git("branch", "--move", "main", "trunk") }, NoBranch, "no branch main; it has trunk", true},
		{"without any branch", func(u *upstream) {
			u.git("checkout", "--quiet", "--detach")
			u.git("branch", "--delete", "--force", "main")
			u.git("symbolic-ref", "HEAD", "refs/heads/none")
		}, NoBranch, "is empty", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote := newUpstream(t, config)
			m := open(t, remote.options())
			good := updated(t, m).ID
			test.empty(remote)
			doubted(t, m, good, test.reason, test.words)
			if test.reason == NoBranch {
				return
			}
			m.Accept(remote.head())
			if test.final {
				doubted(t, m, good, test.reason, test.words)
				remote.git("revert", "--no-edit", "HEAD")
			}
			updated(t, m)
		})
	}
}

func TestARepositoryThatWasNeverOneIsNotTaken(t *testing.T) {
	for _, test := range []struct {
		name   string
		files  map[string]string
		reason Reason
	}{
		{"empty", nil, NoBranch},
		{"something else", map[string]string{"main.go": "package main"}, Emptied},
		{"no services yet", map[string]string{"tidegate.yaml": config["tidegate.yaml"]}, Emptied},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := open(t, newUpstream(t, test.files).options())
			doubted(t, m, "", test.reason)
		})
	}
}

func TestWhatWasGoodIsServedAfterARestart(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	good := updated(t, m).ID
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(remote.dir, remote.dir+".away"); err != nil {
		t.Fatal(err)
	}
	m = open(t, options)
	if served(m) != good || m.State().Reason != Unread {
		t.Fatalf("%s is served, want %s: %+v", served(m), good, m.State())
	}
	doubted(t, m, good, Outage)
	view, err := catalog.New(m, render.NewInProcess()).Read(t.Context())
	if err != nil || view.Rendered != 3 || view.Services[0].Overlays[0].Broken != "" {
		t.Errorf("the files are there without the repository: %+v, %v", view, err)
	}
}

func TestADamagedMirrorIsClonedAnew(t *testing.T) {
	packed := func(t *testing.T, dir, kind string) string {
		found, err := filepath.Glob(filepath.Join(dir, bare, "objects", "pack", "*."+kind))
		if err != nil || len(found) == 0 {
			t.Fatal(found, err)
		}
		if err := os.Chmod(found[0], 0o600); err != nil {
			t.Fatal(err)
		}
		return found[0]
	}
	change := func(t *testing.T, name string, edit func([]byte) []byte) {
		content, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, edit(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(content []byte) []byte { content[len(content)/2] ^= 1; return content }
	half := func(content []byte) []byte { return content[:len(content)/2] }
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		// forgets says that the last good revision is not known any more.
		forgets bool
	}{
		{"a flipped bit in a pack", func(t *testing.T, dir string) { change(t, packed(t, dir, "pack"), flip) }, false},
		{"half a pack", func(t *testing.T, dir string) { change(t, packed(t, dir, "pack"), half) }, false},
		{"a flipped bit in an index", func(t *testing.T, dir string) { change(t, packed(t, dir, "idx"), flip) }, false},
		{"no index", func(t *testing.T, dir string) {
			if err := os.Remove(packed(t, dir, "idx")); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"no HEAD", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, bare, "HEAD")); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"half a state", func(t *testing.T, dir string) { change(t, filepath.Join(dir, stateFile), half) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			remote := newUpstream(t, config)
			options := remote.options()
			m := open(t, options)
			good := updated(t, m).ID
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			test.damage(t, options.Dir)
			m = open(t, options)
			if served(m) != "" {
				t.Error("a damaged copy is served")
			}
			if !test.forgets && m.State().Revision != good {
				t.Errorf("the last good revision is forgotten: %+v", m.State())
			}
			if updated(t, m); served(m) != good {
				t.Errorf("%s is served, want %s", served(m), good)
			}
		})
	}
}

func TestNoByteOfTheCopyMayChangeWhileNobodyLooks(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	updated(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(options.Dir, bare, "objects", "pack", "*.pack"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	pack, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(pack); at += 5 {
		changed := slices.Clone(pack)
		changed[at] ^= 1
		s := &store{dir: options.Dir}
		if err := errors.Join(os.Chmod(found[0], 0o600), os.WriteFile(found[0], changed, 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := s.verify(); err == nil {
			t.Fatalf("byte %d of %d was changed, and nothing is said", at, len(pack))
		}
	}
	m = open(t, options)
	if served(m) != "" {
		t.Error("a damaged copy is served")
	}
	updated(t, m)
}

func TestAPackThatIsLostWhileItIsServedIsFetchedAgain(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	updated(t, m)
	lost, err := filepath.Glob(filepath.Join(options.Dir, bare, "objects", "pack", "*"))
	if err != nil {
		t.Fatal(err)
	}
	remote.commit(map[string]string{"README.md": "x"})
	updated(t, m)
	for _, name := range lost {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	// Beside the file that changes lies one of the lost pack.
	remote.commit(map[string]string{"services/api/base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: other}\n"})
	if content, err := updated(t, m).Tree.ReadFile("services/api/base/kustomization.yaml"); err != nil || string(content) != config["services/api/base/kustomization.yaml"] {
		t.Errorf("%q, %v", content, err)
	}
}

func TestACopyThatIsLostWhileItIsServedIsClonedAnew(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	updated(t, m)
	if err := os.RemoveAll(filepath.Join(options.Dir, bare)); err != nil {
		t.Fatal(err)
	}
	remote.commit(map[string]string{"README.md": "x"})
	if updated(t, m); served(m) != remote.head() {
		t.Errorf("%s is served, want %s", served(m), remote.head())
	}
}

func TestARewriteDuringADamageIsStillADoubt(t *testing.T) {
	remote := newUpstream(t, config)
	remote.commit(map[string]string{"README.md": "x"})
	options := remote.options()
	m := open(t, options)
	good := updated(t, m).ID
	if err := errors.Join(m.Close(), os.RemoveAll(filepath.Join(options.Dir, bare))); err != nil {
		t.Fatal(err)
	}
	remote.git("commit", "--quiet", "--amend", "--message", "amended")
	m = open(t, options)
	if err := m.Update(t.Context()); err == nil || m.State().Reason != Rewritten || m.State().Revision != good || served(m) != "" {
		t.Errorf("%v: %+v", err, m.State())
	}
}

func TestTwoProcessesNeverShareAMirror(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	if _, err := Open(options); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("opened twice: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, options)
}

func TestAFolderOfAnotherRepositoryIsMadeAnew(t *testing.T) {
	one, other := newUpstream(t, config), newUpstream(t, config)
	other.commit(map[string]string{"README.md": "other"})
	options := one.options()
	m := open(t, options)
	updated(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	options.URL = other.url()
	m = open(t, options)
	if served(m) != "" {
		t.Error("another repository's files are served")
	}
	updated(t, m)
}

func TestTheMirrorNeverGrowsBeyondItsLimit(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	options.SizeLimit = 64 << 10
	m := open(t, options)
	good := updated(t, m).ID
	noise := strings.Builder{}
	for i := range 40_000 {
		noise.WriteString(time.Unix(int64(i)*7919*104729, int64(i)).String())
	}
	remote.commit(map[string]string{"big": noise.String()})
	doubted(t, m, good, Outage, "larger than the limit", "65536 bytes")
	size, err := m.store.size()
	if err != nil || size > options.SizeLimit {
		t.Errorf("%d bytes lie on disk: %v", size, err)
	}
}

func TestManyFetchesLeaveFewPacksAndEveryRevisionReadable(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	first := updated(t, m)
	content, err := first.Tree.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxPacks + 5 {
		remote.commit(map[string]string{"README.md": time.Unix(int64(i), 0).String()})
		updated(t, m)
	}
	packs, err := filepath.Glob(filepath.Join(options.Dir, bare, "objects", "pack", "*.pack"))
	if err != nil || len(packs) > 10 {
		t.Errorf("there are %d packs: %v", len(packs), err)
	}
	if got, err := first.Tree.ReadFile(overlay); err != nil || string(got) != string(content) {
		t.Errorf("a file of the first revision: %q, %v", got, err)
	}
	if differs, err := m.Differs(t.Context(), first.ID, remote.head(), []string{"README.md"}); err != nil || !differs {
		t.Errorf("the first revision is compared: %v, %v", differs, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m = open(t, options); served(m) != remote.head() {
		t.Error("the joined packs are not believed after a restart")
	}
}

// Who reads a file would find the pack gone that was there a moment before, if this fails.
func TestPacksThatWereJoinedGoWhileNobodyReads(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	updated(t, m)
	for range maxPacks - 1 {
		remote.commit(map[string]string{"README.md": rand.Text()})
		updated(t, m)
	}
	remote.commit(map[string]string{"README.md": rand.Text()})
	if _, err := m.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	packs := func() []string {
		found, err := filepath.Glob(filepath.Join(m.store.packs(), "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before, changed := packs(), false
	err := m.store.compact(m.options.SizeLimit, func(change func() error) error {
		changed = true
		for _, pack := range before {
			if _, err := os.Lstat(pack); err != nil {
				t.Errorf("it has gone before: %v", err)
			}
		}
		return m.commits.Exclusively(change)
	})
	if after := packs(); err != nil || !changed || len(after) != 4 {
		t.Errorf("%v, %t: there are %d files, and %d before", err, changed, len(after), len(before))
	}
}

func TestTheBranchOfTheRepositoryItselfIsFollowed(t *testing.T) {
	for _, branch := range []string{"", "HEAD", "main", "refs/heads/main"} {
		remote := newUpstream(t, config)
		options := remote.options()
		options.Branch = branch
		if got := updated(t, open(t, options)).ID; got != remote.head() {
			t.Errorf("%q: %s", branch, got)
		}
	}
}

func TestAChangeIsToldAndAFetchIsMadeWhenAskedFor(t *testing.T) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	changes := make(chan struct{}, 1)
	m.Notify(changes)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	<-changes
	if served(m) != remote.head() {
		t.Errorf("%s is served at first", served(m))
	}
	next := remote.commit(map[string]string{"README.md": "x"})
	m.Fetch()
	<-changes
	if served(m) != next {
		t.Errorf("%s is served, want %s", served(m), next)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotSafeToReadIsRefused(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://example.com/repo", "allow it explicitly"},
		{"https://user:password@example.com/repo", "holds a password"},
		{"https://user:pass word@example.com/repo", "cannot be parsed"},
		{"http://user:password@example.com:port/repo", "cannot be parsed"},
		{"git://example.com/repo", "starts with https://"},
		{"ext::sh -c id", ""},
		{"/some/folder", "starts with https://"},
		{"", ""},
	} {
		m, err := Open(Options{URL: test.url, Dir: t.TempDir()})
		if test.url == "ext::sh -c id" {
			// It is a host named ext, which has no key: nothing runs.
			if err == nil {
				err = errors.Join(m.Update(t.Context()), m.Close())
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "user:pass") {
			t.Errorf("%q: %v", test.url, err)
		}
	}
	if _, err := Open(Options{URL: "https://example.com", Dir: t.TempDir(), Accept: []string{"main"}}); err == nil {
		t.Error("a branch is accepted for a revision")
	}
}

// A commit that go-git, or we, trip over ends every replica if this fails.
func TestAPanicIsADoubtAndEndsNoProcess(t *testing.T) {
	up := newUpstream(t, config)
	var log bytes.Buffer
	options, trips := up.options(), false
	options.Log = slog.New(slog.NewTextHandler(&log, nil))
	options.Witness = func(context.Context) (string, error) {
		if trips {
			panic("index out of range")
		}
		return "", nil
	}
	m := open(t, options)
	good := updated(t, m).ID
	trips = true
	if err := m.Update(t.Context()); err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v", err)
	}
	if state := m.State(); state.Reason != Outage || !strings.Contains(state.Doubt, "the generator has failed: index out of range") || served(m) != good {
		t.Errorf("it serves %s, want %s, and says %+v", served(m), good, state)
	}
	if got := log.String(); !strings.Contains(got, "stack=") || !strings.Contains(got, "mirror.(*Mirror).witnessed") {
		t.Errorf("nobody is told where: %s", got)
	}
	trips = false
	updated(t, m)
}

// overlapping fetches commits from nothing each time, so that many packs hold the same objects.
func overlapping(t *testing.T) (*upstream, *Mirror) {
	remote := newUpstream(t, config)
	m := open(t, remote.options())
	for range maxPacks + 1 {
		remote.commit(map[string]string{"README.md": rand.Text()})
		if _, err := m.fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return remote, m
}

// The process ends if this fails: go-git's stack runs over, from which nobody recovers.
func TestPacksThatHoldTheSameAreJoined(t *testing.T) {
	remote, m := overlapping(t)
	if err := m.store.compact(m.options.SizeLimit, m.commits.Exclusively); err != nil {
		t.Fatal(err)
	}
	if err := m.store.verify(); err != nil {
		t.Error(err)
	}
	if got := updated(t, m).ID; got != remote.head() {
		t.Errorf("it serves %s, want %s", got, remote.head())
	}
}

// Joining packs is of use later: a mistake in it neither ends the process nor keeps a commit from being served.
func TestAPanicWhilePacksAreJoinedIsAnError(t *testing.T) {
	_, m := overlapping(t)
	for what, err := range map[string]error{
		"removing": m.store.compact(m.options.SizeLimit, func(func() error) error { panic("index out of range") }),
		"encoding": encode(io.Discard, nil, make([]plumbing.Hash, 1)),
	} {
		var panicked *share.PanicError
		if !errors.As(err, &panicked) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
