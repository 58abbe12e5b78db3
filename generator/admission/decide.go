package admission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// deciding is a decision in the making, about a world that is known.
type deciding struct {
	World
	*Decision
	desired map[string]*params.Set
	live    map[string]*live.Application
	// gone are those that nothing desires; going those of them whose deletion is under way.
	gone, going []*gone
	// predecessors are live Applications in the places of desired ones, by the names of these.
	predecessors map[string]string
}

func (d *deciding) decide() (*Decision, error) {
	d.index()
	d.removals()
	d.judge()
	d.spare()
	d.acknowledge()
	d.spare()
	admitted := d.ramp()
	d.keepOne(admitted)
	if err := d.hold(); err != nil {
		return nil, err
	}
	if len(admitted)+len(d.Held) == 0 {
		return nil, refuse(Empty, "the answer would be empty, and Argo CD takes that for none: %s", d.nothing())
	}
	if err := d.marshal(admitted); err != nil {
		return nil, err
	}
	for _, g := range d.held() {
		d.Parameters, d.body = append(d.Parameters, raw(g.app)), nil
	}
	return d.Decision, nil
}

func (d *deciding) index() {
	d.desired, d.live = make(map[string]*params.Set, len(d.Desired)), make(map[string]*live.Application, len(d.Live))
	d.predecessors = map[string]string{}
	for i := range d.Desired {
		d.desired[d.Desired[i].Name] = &d.Desired[i]
	}
	for i := range d.Live {
		d.live[d.Live[i].Name] = &d.Live[i]
	}
}

// rule says what is done about a removal.
func (g *gone) rule(ruling Ruling, format string, arguments ...any) {
	g.Ruling, g.Rule = ruling, fmt.Sprintf(format, arguments...)
}

func (g *gone) held() bool { return g.Ruling != ByGit && g.Ruling != ByAcknowledgement }

// held are those that are held as far as is decided.
func (d *deciding) held() []*gone {
	var out []*gone
	for _, g := range d.gone {
		if g.held() {
			out = append(out, g)
		}
	}
	return out
}

// judge lets go what may go by itself.
func (d *deciding) judge() {
	var free, left []*gone
	before, undeclared := d.overLimit(), d.undeclared()
	for _, g := range d.gone {
		switch {
		case g.Cause != OverlayGone:
			g.rule(ByDoubt, "held, since the repository does not show that it is meant to go")
		case g.clusterConfig:
			g.rule(ByProtection, "held, since the configuration of clusters, which carries namespaces, is protected")
		case slices.Contains(d.Policy.Protected, g.Environment), slices.Contains(d.Policy.Protected, g.app.Labels[params.EnvironmentLabel]):
			g.rule(ByProtection, "held, since the environment %s is protected", g.Environment)
		case undeclared != "":
			g.rule(ByProtection, "held, since --protected-environment names %s, which tidegate.yaml does not have: what is protected is not known", undeclared)
		case before[g.UID]:
			g.rule(ByLimit, "held, since it is what is left of a removal that was more than the limit")
			left = append(left, g)
		default:
			g.rule(ByGit, "it may go, since the repository shows it")
			free = append(free, g)
		}
	}
	limit := d.Policy.limit(len(d.Live))
	if len(free)+len(d.going) > limit {
		for _, g := range free {
			d.tooMany(g, len(free)+len(d.going), limit)
			// One that only waits until others are deleted goes after that.
			g.overLimit = len(free) > limit
		}
	}
	if len(left) > limit {
		for _, g := range left {
			d.tooMany(g, len(left), limit)
		}
	}
}

// tooMany holds one of so many that would go at once.
func (d *deciding) tooMany(g *gone, at, limit int) {
	g.rule(ByLimit, "held, since %d at once of %d Applications are more than the limit of %d (%d, or %d %% of them)",
		at, len(d.Live), limit, d.Policy.RemovalCount, d.Policy.RemovalShare)
}

// undeclared is an environment that is protected and that there is not: one that was renamed, perhaps, and is meant to be
// protected under its new name. Empty: there are all.
func (d *deciding) undeclared() string {
	for _, name := range d.Policy.Protected {
		if _, declared := d.Ground.Environments[name]; !declared && name != Nothing {
			return name
		}
	}
	return ""
}

// overLimit are the UIDs of the Applications that an earlier answer held because they were too many at once.
func (d *deciding) overLimit() map[string]bool {
	out := map[string]bool{}
	for _, uid := range strings.Split(d.ApplicationSet.Annotations[OverLimitAnnotation], ",") {
		out[uid] = true
	}
	return out
}

// spare holds what would go by itself where none of the live Applications would stay: that looks like another repository.
func (d *deciding) spare() {
	if len(d.held()) > 0 {
		return
	}
	for name, app := range d.live {
		if d.desired[name] != nil && !app.Deleting {
			return
		}
	}
	for _, g := range d.gone {
		if g.Ruling == ByGit {
			g.rule(ByEmptying, "held, since none of the live Applications would stay")
		}
	}
}

// keepOne holds what is acknowledged where the answer would be empty without it.
func (d *deciding) keepOne(admitted []*params.Set) {
	if len(admitted)+len(d.held()) > 0 {
		return
	}
	for _, g := range d.gone {
		g.rule(ByEmptying, "held although it is acknowledged, since the answer would be empty without it. Delete the Application itself (argocd app delete %s), or the ApplicationSet", g.Application)
	}
}

// hold writes down what is held and what goes. What must be held and cannot be is refused.
func (d *deciding) hold() error {
	var unreadable []string
	for _, g := range d.gone {
		if !g.held() {
			d.Released = append(d.Released, g.Removal)
			continue
		}
		d.Held = append(d.Held, g.Removal)
		if g.Cause == UnreadableAnnotation {
			unreadable = append(unreadable, g.Application+": "+g.Why)
		}
	}
	d.Digest = digestOf(d.held())
	d.OverLimit = d.remember()
	if len(unreadable) == 0 {
		return nil
	}
	refusal := refuse(Unreadable, "nothing desires these Applications any more, and they cannot be held as they are: %s. Restore the annotation, delete the Applications, "+
		"or let them go, with all else that would be held, by the annotation %s: %s on the ApplicationSet", few(unreadable), AcknowledgeAnnotation, d.Digest)
	refusal.Digest = d.Digest
	return refusal
}

// remember is what is to be remembered of what is held: what was too many at once, also while something else holds it.
func (d *deciding) remember() string {
	before, uids := d.overLimit(), []string{}
	for _, g := range d.held() {
		if g.overLimit || before[g.UID] {
			uids = append(uids, g.UID)
		}
	}
	slices.Sort(uids)
	return strings.Join(uids, ",")
}

// nothing says why nothing is in the answer.
func (d *deciding) nothing() string {
	if len(d.Going) > 0 {
		return fmt.Sprintf("it waits until these are deleted: %s", few(d.Going))
	}
	if len(d.Waiting) > 0 {
		return d.Waiting[0].Message()
	}
	return "nothing may come in"
}
