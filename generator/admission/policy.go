package admission

import (
	"fmt"
	"slices"
	"time"
)

// Policy is what may happen by itself. It comes from whoever runs the generator, not from the repository: what is committed
// cannot switch off the guard.
type Policy struct {
	// RemovalCount and RemovalShare, a percentage of the live Applications, limit how many are removed at once without being
	// acknowledged: whichever is more. With both 0, none.
	RemovalCount, RemovalShare int
	// Protected are the environments in which nothing is removed without being acknowledged. Cluster configuration, which
	// carries namespaces, is always protected.
	Protected []string
	// Ramp is how many new Applications of an environment may be unsettled at once; 0 is any number.
	Ramp int
	// SettleTimeout is how long after its creation an Application counts as new. It bounds how long one that never settles
	// holds up others.
	SettleTimeout time.Duration
	// Confirmation is how long after an Application was made the repository must have been seen at its newest to tell that
	// its folder is gone: clocks differ, and a revision takes its time from one replica's mirror to the others'.
	Confirmation time.Duration
}

// Nothing, as the only protected environment, protects none.
const Nothing = "none"

// DefaultPolicy is that of a generator that is told nothing else.
func DefaultPolicy() Policy {
	return Policy{RemovalCount: 1, RemovalShare: 10, Protected: []string{"production"}, Ramp: 20, SettleTimeout: 10 * time.Minute, Confirmation: 2 * time.Minute}
}

// Check says what is wrong with a policy, in the words of the flags.
func (p Policy) Check() error {
	switch {
	case p.RemovalCount < 0:
		return fmt.Errorf("--removal-limit is %d: want 0, for none, or more", p.RemovalCount)
	case p.RemovalShare < 0 || p.RemovalShare > 100:
		return fmt.Errorf("--removal-share is %d: want a percentage from 0 to 100", p.RemovalShare)
	case len(p.Protected) == 0, slices.Contains(p.Protected, ""):
		return fmt.Errorf("--protected-environment is empty: name the environments, or say %s if nothing is to be protected", Nothing)
	case p.Ramp < 0:
		return fmt.Errorf("--ramp is %d: want 0, for any number, or more", p.Ramp)
	case p.SettleTimeout <= 0:
		return fmt.Errorf("--settle-timeout is %s: want more than 0, or a new Application that never settles is never waited for", p.SettleTimeout)
	}
	if p.Confirmation < 0 {
		return fmt.Errorf("--removal-confirmation is %s: want 0, for one replica whose clock is Argo CD's, or more", p.Confirmation)
	}
	return nil
}

// limit is how many of so many Applications may go at once.
func (p Policy) limit(live int) int {
	return max(p.RemovalCount, live*p.RemovalShare/100)
}
