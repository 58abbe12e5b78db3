package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
)

// lacking serves a repository without an object, and says nothing of that: git's own server would.
type lacking struct {
	*upstream
	object string
	// once says that it lacks it only for those who have other commits; down that those who have none get nothing.
	once, down bool
}

// served are options that follow it over HTTP.
func (l *lacking) served(t *testing.T) Options {
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	options := l.options()
	options.URL, options.AllowHTTP = server.URL+"/platform.git", true
	return options
}

func (l *lacking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out bytes.Buffer
	line := pktline.NewEncoder(&out)
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		fmt.Fprint(&out, "001e# service=git-upload-pack\n0000")
		if err := line.Encodef("%s refs/heads/main\x00ofs-delta\n", l.head()); err != nil {
			l.t.Error(err)
		}
		fmt.Fprint(&out, "0000")
	} else {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			l.t.Error(err)
		}
		known := bytes.Contains(asked, []byte("have "))
		if l.down && !known {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(&out, "0008NAK\n")
		out.Write(l.pack(known || !l.once))
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		l.t.Error(err)
	}
}

// pack has all that the branch has but the object.
func (l *lacking) pack(lacks bool) []byte {
	var names strings.Builder
	for _, line := range strings.Split(l.git("rev-list", "--objects", "HEAD"), "\n") {
		if name, _, _ := strings.Cut(line, " "); name != l.object || !lacks {
			fmt.Fprintln(&names, name)
		}
	}
	command := exec.Command("git", "pack-objects", "--stdout", "-q")
	command.Dir, command.Stdin = l.dir, strings.NewReader(names.String())
	out, err := command.Output()
	if err != nil {
		l.t.Error(err)
	}
	return out
}

func TestACommitWithAMissingFileKeepsTheFilesOfTheLastGoodRevision(t *testing.T) {
	remote := &lacking{upstream: newUpstream(t, config)}
	options := remote.served(t)
	m := open(t, options)
	last := updated(t, m)
	remote.commit(map[string]string{"services/api/base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: other}\n"})
	remote.object = remote.git("rev-parse", "HEAD:services/api/base/service.yaml")
	for range 3 {
		doubted(t, m, last.ID, Incomplete, "lacks some of what its newest commit refers to", "services/api/base/service.yaml")
	}
	if content, err := last.Tree.ReadFile("services/api/base/service.yaml"); err != nil || string(content) != config["services/api/base/service.yaml"] {
		t.Errorf("a file of the last good revision: %q, %v", content, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m = open(t, options); served(m) != last.ID {
		t.Errorf("after a restart %q is served, want %s", served(m), last.ID)
	}
	remote.object = ""
	updated(t, m)
	alone(t, options.Dir)
}

// alone fails if a second copy was left.
func alone(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 4 {
		t.Errorf("%v lie in the folder: %v; want the lock, the state, one repository and the scratch folder", found, err)
	}
}

func TestACopyThatCannotBeClonedAnewStays(t *testing.T) {
	remote := &lacking{upstream: newUpstream(t, config)}
	options := remote.served(t)
	m := open(t, options)
	last := updated(t, m)
	remote.commit(map[string]string{overlay: "namespace: moved\nresources: [../../base]\n"})
	remote.object, remote.down = remote.git("rev-parse", "HEAD:"+overlay), true
	doubted(t, m, last.ID, Outage, "status 503")
	if content, err := last.Tree.ReadFile(overlay); err != nil || string(content) != config[overlay] {
		t.Errorf("a file of the last good revision: %q, %v", content, err)
	}
	alone(t, options.Dir)
	remote.object, remote.down = "", false
	remote.commit(nil)
	updated(t, m)
	alone(t, options.Dir)
}

func TestACopyThatLacksTheLastGoodRevisionReplacesNoneThatHasIt(t *testing.T) {
	remote := &lacking{upstream: newUpstream(t, config)}
	options := remote.served(t)
	m := open(t, options)
	remote.commit(map[string]string{"README.md": "x"})
	last := updated(t, m)
	// The rewritten commit is sent without a file first, as to one who has it.
	remote.git("commit", "--quiet", "--amend", "--message", "amended")
	rewritten := remote.commit(map[string]string{overlay: "namespace: moved\nresources: [../../base]\n"})
	remote.object, remote.once = remote.git("rev-parse", "HEAD:"+overlay), true
	doubted(t, m, last.ID, Rewritten, "--accept-revision "+rewritten)
	if content, err := last.Tree.ReadFile(overlay); err != nil || string(content) != config[overlay] {
		t.Errorf("a file of the last good revision: %q, %v", content, err)
	}
	alone(t, options.Dir)
	m.Accept(rewritten)
	updated(t, m)
	alone(t, options.Dir)
}

func TestAShallowRepositoryThatEndsBeforeTheLastGoodRevisionIsADoubt(t *testing.T) {
	whole := newUpstream(t, config)
	shallow := &upstream{t, filepath.Join(t.TempDir(), "upstream")}
	first := whole.head()
	whole.commit(map[string]string{"README.md": "one"})
	whole.commit(map[string]string{"README.md": "two"})
	shallow.run("", "clone", "--quiet", "--depth=1", whole.url(), shallow.dir)
	server := httptest.NewServer(backend(t, shallow))
	defer server.Close()
	options := whole.options()
	options.URL, options.AllowHTTP = server.URL+"/upstream/.git", true
	options.Witness = func(context.Context) (string, error) { return first, nil }
	m := open(t, options)
	doubted(t, m, "", Incomplete, "ends before the last good revision "+first, "is it a shallow clone?")
	shallow.git("fetch", "--quiet", "--unshallow")
	updated(t, m)
	alone(t, options.Dir)
}

func TestAnInterruptedReplacementIsUndone(t *testing.T) {
	remote := newUpstream(t, config)
	options := remote.options()
	m := open(t, options)
	good := updated(t, m).ID
	err := errors.Join(m.Close(), os.Rename(filepath.Join(options.Dir, bare), filepath.Join(options.Dir, replaced)),
		os.MkdirAll(filepath.Join(options.Dir, anew, bare), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	if m = open(t, options); served(m) != good {
		t.Errorf("%q is served, want %s", served(m), good)
	}
	alone(t, options.Dir)
}
