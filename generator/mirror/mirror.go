// Package mirror keeps a bare copy of the config repository's branch on disk, and says which commit of it is the truth.
//
// It never runs a program, never checks anything out, and never takes an outage, a rewritten history, a missing branch or
// an emptied repository for the truth: what was good last stays until the branch goes on from there, or an operator accepts
// exactly that commit.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/util/git"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/mirror/credentials"
	"github.com/tidegate/tidegate/generator/mirror/remote"
)

// Defaults of Options.
const (
	DefaultInterval  = time.Minute
	DefaultTimeout   = 5 * time.Minute
	DefaultSizeLimit = 1 << 30
)

// Options say what is mirrored, and where.
type Options struct {
	// URL of the repository: https, ssh or file. http needs AllowHTTP.
	URL       string
	AllowHTTP bool
	// Branch to follow; empty or HEAD is the repository's own.
	Branch string
	// Dir is a folder that belongs to this mirror alone. It is made, and written to.
	Dir string
	// Access finds credentials, for each fetch anew; nil is anonymous.
	Access func(ctx context.Context, url string) (*credentials.Access, error)
	// Keys are the armored public keys that a commit must be signed with, read for each new commit; nil asks for no
	// signature.
	Keys func(ctx context.Context) (map[string]string, error)
	// Witness tells the last good commit as others know it, which every commit must follow as it must follow the mirror's own;
	// empty where nobody knows. Nil: nobody is asked, and the first commit must only be well formed.
	Witness func(ctx context.Context) (string, error)
	// Accept are commits (of 40 digits) that an operator has confirmed although they do not follow the last good one.
	Accept []string
	// Interval between fetches; 0 is DefaultInterval.
	Interval time.Duration
	// Timeout of one fetch, the first one included; 0 is DefaultTimeout.
	Timeout time.Duration
	// SizeLimit of the folder in bytes; 0 is DefaultSizeLimit.
	SizeLimit int64
	// Log is where changes are told; nil for nowhere.
	Log *slog.Logger
}

// Reason is why what is served may not be the truth.
type Reason string

// The reasons, as they stand in metrics.
const (
	// Unread: the repository has not been read since the process started.
	Unread Reason = "unread"
	// Outage: the repository cannot be read.
	Outage Reason = "outage"
	// NoBranch: the branch is gone, or every branch.
	NoBranch Reason = "no-branch"
	// Emptied: tidegate.yaml is gone, or every service or cluster.
	Emptied Reason = "emptied"
	// Rewritten: the branch does not lead back to the last good revision.
	Rewritten Reason = "rewritten"
	// Unsigned: no key that is trusted has signed the commit.
	Unsigned Reason = "unsigned"
	// Incomplete: the repository lacks some of what its newest commit refers to.
	Incomplete Reason = "incomplete"
)

// State is what is known of the repository.
type State struct {
	// Revision is the last good commit; empty before the first.
	Revision string
	// Committed is when it was made, as it says itself.
	Committed time.Time
	// Contact is when the repository was last asked where its branch is, and then read successfully: what it has become while it was
	// being read is not known.
	Contact time.Time
	// Seen is the commit that the branch was at then.
	Seen string
	// Doubt says in a sentence why what is served may not be the truth, and Reason in a word; empty where it is.
	Doubt  string
	Reason Reason
}

// Mirror is a source for a catalog.
type Mirror struct {
	options  Options
	endpoint remote.Endpoint
	store    *store
	log      *slog.Logger
	// commits reads the repository on disk.
	commits *catalog.Commits
	wake    chan struct{}

	// updating is held during a fetch; saved, asked, knowing and recloned belong to its holder.
	updating sync.Mutex
	saved    saved
	// asked is when the remote repository was last asked where its branch is, or a moment before.
	asked time.Time
	// knowing is what others had when the last good revision was taken.
	knowing  string
	recloned recloned
	// disk is held for reading by those who need packs to stay.
	disk sync.RWMutex

	mu       sync.Mutex
	state    State
	revision *catalog.Revision
	// instead is knowing, of the revision in state.
	instead string
	accept  []string
	notify  []chan<- struct{}
}

// Open opens the mirror in a folder, and serves what was good when it was closed. It reads nothing from the remote
// repository: see Run. What another process has open is an error.
func Open(options Options) (*Mirror, error) {
	if options.Interval <= 0 {
		options.Interval = DefaultInterval
	}
	if options.Timeout <= 0 {
		options.Timeout = DefaultTimeout
	}
	if options.SizeLimit <= 0 {
		options.SizeLimit = DefaultSizeLimit
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	endpoint, err := remote.Parse(options.URL, options.AllowHTTP)
	if err != nil {
		return nil, err
	}
	for _, revision := range options.Accept {
		if !git.IsCommitSHA(revision) {
			return nil, fmt.Errorf("%q cannot be accepted: a revision is named by all of its 40 digits", revision)
		}
	}
	store, err := openStore(options.Dir)
	if err != nil {
		return nil, err
	}
	m := &Mirror{
		options: options, endpoint: endpoint, store: store, log: options.Log.With("repository", credentials.Shown(options.URL)),
		commits: catalog.OpenCommits(store.repository()), wake: make(chan struct{}, 1), accept: slices.Clone(options.Accept),
	}
	if err := m.restore(context.Background()); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return m, nil
}

// restore takes what the folder holds, and removes what cannot be believed.
func (m *Mirror) restore(ctx context.Context) error {
	m.state = State{Reason: Unread, Doubt: "the repository has not been read since the generator started"}
	wanted := saved{URL: git.NormalizeGitURLAllowInvalid(credentials.Shown(m.options.URL)), Branch: m.options.Branch}
	found, err := m.store.load()
	if err == nil && found.URL == wanted.URL && found.Branch == wanted.Branch {
		m.saved = *found
		m.state.Revision, m.state.Committed, m.state.Contact, m.state.Seen = found.Revision, found.Committed, found.Contact, found.Revision
		return m.reopen(ctx)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		m.log.Warn("the mirror's state cannot be read; it is made anew", "folder", m.options.Dir, "error", err)
	default:
		m.log.Info("the folder mirrors another repository or branch; it is made anew", "folder", m.options.Dir, "other", credentials.Shown(found.URL), "branch", found.Branch)
	}
	m.saved = wanted
	return m.store.reset()
}

// reopen lists the last good revision again, after every byte of the copy was checked.
func (m *Mirror) reopen(ctx context.Context) error {
	if m.saved.Revision == "" {
		return m.store.reset()
	}
	err := m.store.verify()
	if err == nil {
		m.revision, err = m.commits.Revision(ctx, m.saved.Revision, nil)
	}
	if err == nil {
		return nil
	}
	m.log.Warn("the mirror is damaged; it is removed and cloned anew", "folder", m.options.Dir, "error", err)
	return m.store.reset()
}

// Close gives the folder free for another process.
func (m *Mirror) Close() error {
	m.updating.Lock()
	defer m.updating.Unlock()
	return m.store.Close()
}

// Open shows the last good revision, at no cost. It is an error before there is one.
func (m *Mirror) Open(context.Context) (*catalog.Revision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision == nil {
		return nil, fmt.Errorf("nothing is known of the config repository %s: %s", credentials.Shown(m.options.URL), m.state.Doubt)
	}
	return m.revision, nil
}

// State is what is known now.
func (m *Mirror) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Notify sends to a channel after each change of the revision or of the doubt, and never waits for its reader: one with
// room for one message misses no change.
func (m *Mirror) Notify(to chan<- struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notify = append(m.notify, to)
}

// Fetch asks for a fetch soon. Several at once are one.
func (m *Mirror) Fetch() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// URL is the repository's.
func (m *Mirror) URL() string { return m.options.URL }

// Branch is the one that is followed; empty or HEAD is the repository's own.
func (m *Mirror) Branch() string { return m.options.Branch }

// Scratch is a folder that can be written to, for credentials.Reader. It exists once the mirror is open.
func Scratch(dir string) string { return filepath.Join(dir, scratch) }
