package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/live/share"
)

const (
	// minGap is the least time between two fetches, however often they are asked for.
	minGap = time.Second
	// firstRetry is how long after a failure the next try is made; then twice as long, up to the interval.
	firstRetry = 5 * time.Second
)

// Run fetches at once, at the interval and whenever Fetch asks for it, until the context ends.
func (m *Mirror) Run(ctx context.Context) error {
	failures := 0
	for {
		started := time.Now()
		switch err := m.Update(ctx); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
		default:
			failures = 0
		}
		if !m.rest(ctx, started, m.pause(failures)) {
			return nil
		}
	}
}

// pause is how long to wait after so many failures in a row: the interval varies by a tenth, so that replicas do not ask
// all at once.
func (m *Mirror) pause(failures int) time.Duration {
	interval := m.options.Interval
	if failures > 0 && failures < 16 {
		interval = min(interval, firstRetry<<(failures-1))
	}
	return interval - time.Duration(rand.Int64N(int64(interval)/10+1))
}

// rest waits until the next fetch is due. It is false when the context has ended.
func (m *Mirror) rest(ctx context.Context, started time.Time, pause time.Duration) bool {
	due := time.NewTimer(pause)
	defer due.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
		return true
	case <-m.wake:
	}
	gap := time.NewTimer(minGap - time.Since(started))
	defer gap.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-gap.C:
		return true
	}
}

// doubt is an error that says why what the remote repository shows is not taken for the truth.
type doubt struct {
	reason Reason
	cause  error
}

func (d *doubt) Error() string { return d.cause.Error() }
func (d *doubt) Unwrap() error { return d.cause }

func doubtf(reason Reason, format string, arguments ...any) error {
	return &doubt{reason, fmt.Errorf(format, arguments...)}
}

// Update fetches now. Its error is the doubt that there is afterwards.
func (m *Mirror) Update(ctx context.Context) error {
	m.updating.Lock()
	defer m.updating.Unlock()
	slow := fmt.Errorf("it took longer than %v", m.options.Timeout)
	within, cancel := context.WithTimeoutCause(ctx, m.options.Timeout, slow)
	defer cancel()
	revision, err := m.update(within)
	m.logPanic(err)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// A connection gives up at the deadline, and may say so a moment before the context does.
	if deadline, _ := within.Deadline(); err != nil && !time.Now().Before(deadline) && !errors.Is(err, slow) {
		err = fmt.Errorf("%w: %w", slow, err)
	}
	m.settle(revision, err)
	return err
}

// update brings the copy up to date, and returns the revision to serve from now on.
func (m *Mirror) update(ctx context.Context) (_ *catalog.Revision, err error) {
	defer share.Recover(&err) // or one commit would end every replica
	// Before the branch is asked for: it leads to what others had taken until then, or was rewritten.
	witnessed, err := m.witnessed(ctx)
	if err != nil {
		return nil, err
	}
	head, err := m.fetch(ctx)
	if err != nil {
		return nil, err
	}
	revision, err := m.read(ctx, head, witnessed)
	var known *doubt
	if errors.As(err, &known) && known.reason == Incomplete {
		if head, err = m.reclone(ctx, head, err); err != nil {
			return nil, err
		}
		revision, err = m.read(ctx, head, witnessed)
	}
	if err != nil {
		return nil, err
	}
	if err := m.adopt(ctx, revision, witnessed); err != nil {
		return nil, err
	}
	m.disk.Lock()
	defer m.disk.Unlock()
	if err := m.store.compact(m.options.SizeLimit, m.commits.Exclusively); err != nil {
		m.log.Warn("the mirror's packs could not be joined; it grows until they are", "error", err)
		m.logPanic(err)
	}
	return revision, nil
}

// logPanic logs where a mistake in the program is.
func (m *Mirror) logPanic(err error) {
	var panicked *share.PanicError
	if errors.As(err, &panicked) {
		m.log.Error("panic", "error", err, "stack", string(panicked.Stack))
	}
}

// read lists the files of the branch's commit, and judges it.
func (m *Mirror) read(ctx context.Context, head, witnessed string) (*catalog.Revision, error) {
	m.mu.Lock()
	last := m.revision
	m.mu.Unlock()
	revision, err := list(ctx, m.commits, head, last)
	if err != nil {
		return nil, err
	}
	m.sawHead(revision.ID)
	return revision, m.judge(ctx, revision, witnessed)
}

// sawHead notes that the repository could be read, and where its branch is.
func (m *Mirror) sawHead(head string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Contact, m.state.Seen = m.asked, head
}

// settle makes the outcome of an update known.
func (m *Mirror) settle(revision *catalog.Revision, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, after := m.state, m.state
	after.Doubt, after.Reason = "", ""
	if revision != nil {
		m.revision, after.Revision, after.Committed = revision, m.saved.Revision, m.saved.Committed
		m.instead = m.knowing
	}
	if err != nil {
		after.Reason = Outage
		var known *doubt
		if errors.As(err, &known) {
			after.Reason = known.reason
		}
		after.Doubt = err.Error()
		if after.Reason == Outage {
			after.Doubt = m.sinceContact(err)
		}
	}
	m.state = after
	m.tell(before, after)
}

func (m *Mirror) sinceContact(err error) string {
	if m.state.Contact.IsZero() {
		return "the repository could not be read yet: " + err.Error()
	}
	return fmt.Sprintf("the repository cannot be read, and is served as it was at %s: %v", m.state.Contact.UTC().Format(time.RFC3339), err)
}

// tell logs a change, and sends it. The words of an outage may differ each time, for a port or an address in them: they are
// no change.
func (m *Mirror) tell(before, after State) {
	same := before.Reason == after.Reason && (before.Doubt == after.Doubt || after.Reason == Outage)
	if before.Revision == after.Revision && same {
		return
	}
	if before.Revision != after.Revision {
		m.log.Info("the repository is at a new revision", "revision", after.Revision, "before", before.Revision)
	}
	switch {
	case same:
	case after.Reason != "":
		m.log.Warn("the repository is in doubt; the last good revision stays", "reason", after.Reason, "doubt", after.Doubt, "revision", after.Revision)
	case before.Reason != Unread:
		m.log.Info("the repository is no longer in doubt", "reason", before.Reason, "revision", after.Revision)
	}
	for _, to := range m.notify {
		select {
		case to <- struct{}{}:
		default:
		}
	}
}
