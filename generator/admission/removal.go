package admission

import (
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// Removal is a live Application that nothing desires any more: held, or let go.
type Removal struct {
	// Application is its name.
	Application, UID string
	// Environment and Cluster are those it was made for; empty where that is not known. Cluster configuration has no
	// environment.
	Environment, Cluster string
	// Cause is why nothing desires it, and Why a sentence about it.
	Cause Cause
	Why   string
	// Successor is the desired Application that would have the same resources, where Cause is Renamed.
	Successor string
	// Ruling is why it is held, or why it may go, and Rule a sentence about it.
	Ruling Ruling
	Rule   string
	// Digest acknowledges the removal of this one alone.
	Digest string
}

// Message says what would go, or goes, and why.
func (r Removal) Message() string { return fmt.Sprintf("%s: %s; %s", r.Application, r.Why, r.Rule) }

// Cause is why nothing desires an Application any more.
type Cause string

// The causes. All but OverlayGone leave in doubt whether the Application is meant to go.
const (
	// OverlayGone is that the repository has dropped the folder, while its cluster is there as before.
	OverlayGone Cause = "overlay-gone"
	// ClusterGone is that the fleet has no such cluster any more.
	ClusterGone Cause = "cluster-gone"
	// ClusterRelabelled is that the labels of the cluster have changed, and no selector matches any more.
	ClusterRelabelled Cause = "cluster-relabelled"
	// PlatformChanged is that tidegate.yaml has dropped the environment, or its selector the cluster.
	PlatformChanged Cause = "platform-changed"
	// InputNarrowed is that the ApplicationSet asks for less than it did.
	InputNarrowed Cause = "input-narrowed"
	// Renamed is that another desired Application would have the same resources.
	Renamed Cause = "renamed"
	// Younger is that the repository does not have its folder, but that it was made, or adopted, later than the repository was last
	// seen to be at its newest: from a newer revision, perhaps.
	Younger Cause = "younger-than-revision"
	// Unexplained is none of these.
	Unexplained Cause = "unexplained"
	// UnreadableAnnotation is that it cannot be told what the Application is.
	UnreadableAnnotation Cause = "unreadable-annotation"
)

// Ruling is what is done about a removal, and by which rule.
type Ruling string

// The rulings that hold.
const (
	// ByDoubt holds what the repository does not show to be meant.
	ByDoubt Ruling = "not-shown-by-git"
	// ByProtection holds what is in a protected environment.
	ByProtection Ruling = "protected"
	// ByLimit holds what is too many at once.
	ByLimit Ruling = "limit"
	// ByEmptying holds what would leave none of the live Applications.
	ByEmptying Ruling = "empties"
)

// OverLimitAnnotation of an ApplicationSet holds the UIDs of what was too many at once and is held, with commas between them: when
// a part of it has gone, what is left is not few because of that. The generator writes it; the answer after that depends on it.
const OverLimitAnnotation = "tidegate.dev/over-limit"

// The rulings that let go.
const (
	// ByGit lets go what the repository shows to be meant, within the limit.
	ByGit Ruling = "shown-by-git"
	// ByAcknowledgement lets go what was acknowledged.
	ByAcknowledgement Ruling = "acknowledged"
)

// gone is a removal in the making.
type gone struct {
	Removal
	app *live.Application
	set params.Set
	// at is where its resources are.
	at []place
	// clusterConfig says that it is the configuration of a cluster, overLimit that it is of a removal of more than the limit.
	clusterConfig, overLimit bool
}

// removals finds what nothing desires any more, and why.
func (d *deciding) removals() {
	for _, app := range byName(d.Live) {
		if d.desired[app.Name] != nil {
			continue
		}
		g := &gone{app: app, Removal: Removal{Application: app.Name, UID: app.UID}}
		set, err := recorded(app)
		if err != nil {
			g.Cause, g.Why = UnreadableAnnotation, err.Error()
			g.Environment, g.Cluster = app.Labels[params.EnvironmentLabel], app.Labels[params.ClusterLabel]
		} else {
			g.set, g.Environment, g.Cluster = set, set.Environment, set.Cluster.Name
		}
		g.clusterConfig = set.Kind == params.ClusterConfig || app.Labels[params.KindLabel] == params.ClusterConfig
		if app.Deleting {
			d.going = append(d.going, g)
			d.Going = append(d.Going, app.Name)
		} else {
			d.gone = append(d.gone, g)
		}
	}
	d.successors()
	for _, g := range d.gone {
		if g.Cause == "" {
			g.Cause, g.Why = d.Ground.cause(&g.set)
		}
		if g.Cause == OverlayGone && !made(g.app).Add(d.Policy.Confirmation).Before(d.Ground.Confirmed) {
			g.Cause, g.Why = Younger, d.younger(g)
		}
		g.Digest = d.digest(g)
	}
}

// made is when an Application became what it is: when it was created, or adopted with the parameter set that it has.
func made(app *live.Application) time.Time {
	if app.Written.After(app.Created) {
		return app.Written
	}
	return app.Created
}

// younger says that what is known of the repository may be older than an Application. It may go when that is known better.
func (d *deciding) younger(g *gone) string {
	d.again(made(g.app).Add(d.Policy.Confirmation))
	return fmt.Sprintf("%s is not at revision %s, but it was made at %s, and this was last seen to be the newest revision %s", g.set.Path, d.Ground.Revision,
		made(g.app).UTC().Format(time.RFC3339), when(d.Ground.Confirmed))
}

func when(at time.Time) string {
	if at.IsZero() {
		return "before that"
	}
	return "at " + at.UTC().Format(time.RFC3339)
}

// cause looks at a parameter set that is not demanded any more, whose place nothing else takes.
func (g *Ground) cause(set *params.Set) (Cause, string) {
	cluster, there := g.Clusters[set.Cluster.Name]
	changed := there && relabelled(set.Cluster, cluster)
	switch {
	case !there:
		return ClusterGone, fmt.Sprintf("there is no cluster %s any more: its cluster Secret is gone, or not to be read", set.Cluster.Name)
	case cluster.Server != set.Cluster.Server:
		return ClusterGone, fmt.Sprintf("the cluster %s is another one now: its server was %s and is %s", cluster.Name, set.Cluster.Server, cluster.Server)
	case !g.asks(set):
		return InputNarrowed, "spec.generators[0].plugin.input of the ApplicationSet does not ask for it any more. Where another ApplicationSet is to have it, " +
			"remove its metadata.ownerReferences: it stays as it is until that one takes it over"
	case !matches(g.Input.ClusterSelector, cluster):
		if changed {
			return ClusterRelabelled, fmt.Sprintf("the labels of the cluster %s have changed: clusterSelector in the ApplicationSet's input does not match it any more", cluster.Name)
		}
		return InputNarrowed, fmt.Sprintf("clusterSelector in the ApplicationSet's input does not match the cluster %s any more", cluster.Name)
	}
	if set.Kind != params.ClusterConfig {
		selector, declared := g.Environments[set.Environment]
		switch {
		case !declared:
			return PlatformChanged, fmt.Sprintf("tidegate.yaml at revision %s has no environment %s any more", g.Revision, set.Environment)
		case matches(selector, cluster):
		case changed:
			return ClusterRelabelled, fmt.Sprintf("the labels of the cluster %s have changed: the environment %s does not select it any more", cluster.Name, set.Environment)
		default:
			return PlatformChanged, fmt.Sprintf("tidegate.yaml at revision %s: the environment %s does not select the cluster %s any more", g.Revision, set.Environment, cluster.Name)
		}
	}
	if g.Revision != "" && !g.Overlays[set.Path] {
		return OverlayGone, fmt.Sprintf("%s is gone at revision %s", set.Path, g.Revision)
	}
	return Unexplained, fmt.Sprintf("%s is still there, but yields no Application of this name in the namespace %s any more", set.Path, set.Namespace)
}

// asks tells whether the ApplicationSet asks for a kind, a service and an environment.
func (g *Ground) asks(set *params.Set) bool {
	kind := g.Input.Kind
	if kind == "" {
		kind = params.Services
	}
	return kind == set.Kind &&
		(g.Input.Services == nil || slices.Contains(g.Input.Services, set.Service)) &&
		(g.Input.Environments == nil || slices.Contains(g.Input.Environments, set.Environment))
}
