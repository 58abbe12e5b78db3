package admission

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// Waiting is a desired Application that does not come in yet.
type Waiting struct {
	Application, Environment string
	Kind                     WaitingKind
	// For is what it waits for: an environment, an Application, an ApplicationSet or a project, as Kind says.
	For string
}

// WaitingKind is why an Application waits.
type WaitingKind string

// The kinds of waiting.
const (
	// ForOthers is that as many new ones of its environment as may be are unsettled.
	ForOthers WaitingKind = "ramp"
	// ForEarlier is that an earlier environment of its service waits.
	ForEarlier WaitingKind = "earlier-environment"
	// ForPredecessor is that another live Application has its resources.
	ForPredecessor WaitingKind = "predecessor"
	// ForOwner is that another ApplicationSet, or something else, has an Application of that name.
	ForOwner WaitingKind = "other-owner"
	// ForProject is that its AppProject does not exist.
	ForProject WaitingKind = "no-project"
)

// Message says what waits, and for what.
func (w Waiting) Message() string {
	switch w.Kind {
	case ForOthers:
		return fmt.Sprintf("%s waits until others of %s that are new have settled", w.Application, orClusters(w.For))
	case ForEarlier:
		return fmt.Sprintf("%s waits until its service is in %s", w.Application, w.For)
	case ForPredecessor:
		return fmt.Sprintf("%s waits until %s, which has its resources, is gone", w.Application, w.For)
	case ForOwner:
		if strings.Contains(w.For, "/") {
			return fmt.Sprintf("%s waits: there is an Application of that name, which belongs to %s. Give one of them another name, or remove the metadata.ownerReferences of that Application", w.Application, w.For)
		}
		return fmt.Sprintf("%s waits: it belongs to the ApplicationSet %s. Narrow the input of one of them, and remove the metadata.ownerReferences of the Application to hand it over", w.Application, w.For)
	case ForProject:
		return fmt.Sprintf("%s waits for the AppProject %s, which does not exist", w.Application, w.For)
	}
	return fmt.Sprintf("%s waits: %s", w.Application, w.Kind)
}

func orClusters(environment string) string {
	if environment == "" {
		return "the clusters' configuration"
	}
	return environment
}

// settled tells whether an Application does not count as new any more; if not, when its time is out. Argo CD never calls one
// reconciled whose spec it refuses, and an operation may run forever, so time settles everything.
func settled(app *live.Application, now time.Time, timeout time.Duration) (bool, time.Time) {
	until := app.Created.Add(timeout)
	switch {
	case app.Deleting || !now.Before(until):
		return true, time.Time{}
	case !app.Reconciled || app.OperationRunning:
		return false, until
	case !app.Automated:
		// It stays OutOfSync until a human acts.
		return true, time.Time{}
	}
	return app.Health == "Healthy" || app.Health == "Degraded", until
}

// ramp picks the desired Applications that are in the answer: all that are live, and new ones as there is room.
func (d *deciding) ramp() []*params.Set {
	r := &ramping{deciding: d, unsettled: map[string]int{}, services: map[string]*progress{}}
	if d.Policy.Ramp > 0 {
		r.count()
	}
	waiting := make([]*Waiting, len(d.Desired))
	for _, i := range r.turns() {
		set := &d.Desired[i]
		if d.live[set.Name] != nil {
			continue
		}
		service := r.service(set)
		switch kind, what := r.waits(set, service); kind {
		case "":
			r.unsettled[set.Environment]++
		default:
			waiting[i] = &Waiting{set.Name, set.Environment, kind, what}
			// Under another name or owner it is there.
			service.waits = service.waits || kind != ForPredecessor && kind != ForOwner
		}
	}
	in := make([]*params.Set, 0, len(d.Desired))
	for i := range d.Desired {
		set := &d.Desired[i]
		if waiting[i] != nil {
			d.Waiting = append(d.Waiting, *waiting[i])
			if waiting[i].Kind == ForOthers {
				d.again(r.nextTurn())
			}
			continue
		}
		in = append(in, set)
		if d.live[set.Name] == nil {
			d.Admitted = append(d.Admitted, set.Name)
		}
	}
	return in
}

// turns are the indices of the desired Applications in the order in which they are let in. The service that comes first is
// another one whenever a new Application would have had its time: what is let in and never comes, because something in the
// cluster refuses it, has no clock of its own, and must not keep its place from others forever.
func (r *ramping) turns() []int {
	var starts []int
	for i := range r.Desired {
		begins := i == 0 || r.Desired[i].Service == "" || r.Desired[i].Service != r.Desired[i-1].Service
		if begins {
			starts = append(starts, i)
		}
	}
	first := 0
	if timeout := r.Policy.SettleTimeout; r.Policy.Ramp > 0 && timeout > 0 && len(starts) > 0 {
		turn := r.Now.UnixNano() / int64(timeout) % int64(len(starts))
		first = starts[turn*stride(int64(len(starts)))%int64(len(starts))]
	}
	out := make([]int, 0, len(r.Desired))
	for i := range r.Desired {
		out = append(out, (first+i)%len(r.Desired))
	}
	return out
}

// ramping is the way through the desired Applications.
type ramping struct {
	*deciding
	// unsettled are new Applications by environment.
	unsettled map[string]int
	services  map[string]*progress
}

// progress is how far a service is let in.
type progress struct {
	environment string
	// waits says that something of the environment waits.
	waits bool
	// earlier is an environment before it of which something waits.
	earlier string
}

func (r *ramping) count() {
	for i := range r.Live {
		app := &r.Live[i]
		if is, until := settled(app, r.Now, r.Policy.SettleTimeout); !is {
			r.unsettled[r.environment(app)]++
			r.again(until)
		}
	}
}

// stride is how far the first place moves among so many: about the golden ratio of them, so that many that are refused next to
// each other are soon passed, and without a common divisor, so that each has its turn.
func stride(n int64) int64 {
	step := max(1, n*618/1000)
	for divisor(step, n) != 1 {
		step++
	}
	return step
}

func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// nextTurn is when another service comes first.
func (r *ramping) nextTurn() time.Time {
	timeout := r.Policy.SettleTimeout
	return r.Now.Add(timeout - time.Duration(r.Now.UnixNano()%int64(timeout)))
}

func (r *ramping) environment(app *live.Application) string {
	if set := r.desired[app.Name]; set != nil {
		return set.Environment
	}
	return app.Labels[params.EnvironmentLabel]
}

// service is how far the service of a parameter set is.
func (r *ramping) service(set *params.Set) *progress {
	at := r.services[set.Service]
	if at == nil {
		at = &progress{environment: set.Environment}
		r.services[set.Service] = at
	}
	if at.environment != set.Environment {
		if at.waits && at.earlier == "" {
			at.earlier = at.environment
		}
		at.environment, at.waits = set.Environment, false
	}
	return at
}

// waits tells what a new Application must wait for, if anything.
func (r *ramping) waits(set *params.Set, service *progress) (WaitingKind, string) {
	if predecessor := r.predecessors[set.Name]; predecessor != "" {
		return ForPredecessor, predecessor
	}
	if owner := r.Taken[set.Name]; owner != "" {
		return ForOwner, owner
	}
	switch {
	case set.Service != "" && service.earlier != "":
		return ForEarlier, service.earlier
	case r.Projects != nil && !r.Projects[set.Project]:
		return ForProject, set.Project
	case r.Policy.Ramp > 0 && r.unsettled[set.Environment] >= r.Policy.Ramp:
		return ForOthers, set.Environment
	}
	return "", ""
}
