package params

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tidegate/tidegate/generator/catalog"
	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/internal/platform"
	"github.com/tidegate/tidegate/internal/strict"
)

// Compute works out the parameter sets. Its error is an *InputError (the input names what is not there) or a *Refusal.
func Compute(world World, input Input) (*Result, error) {
	c := &computation{World: world, input: input, wanted: setOf(input.Services), names: map[string]string{}, settings: map[settingsKey]*settings{}, labelValues: map[string]bool{}}
	if err := c.knownNames(); err != nil {
		return nil, err
	}
	if input.Kind == ClusterConfig {
		c.clusterConfigs()
	} else {
		c.services()
	}
	switch {
	case len(c.problems) > 0:
		return nil, &Refusal{Problems: c.problems}
	case len(c.Sets) > 0:
		c.size()
		return &c.Result, nil
	case c.narrowed():
		return nil, &InputError{Problems: []string{"input.parameters: nothing is left; an empty answer would delete every Application"}}
	}
	return nil, &Refusal{Empty: true, Problems: []string{fmt.Sprintf("the repository has no %s at revision %s; an empty answer would delete every Application",
		map[bool]string{true: "clusters/<cluster>/cluster-config of a registered cluster", false: "services/<service>/overlays/<environment>"}[input.Kind == ClusterConfig],
		world.View.Revision)}}
}

// computation is one answer in the making.
type computation struct {
	World
	Result
	input Input
	// wanted are the services that are asked for; nil for all.
	wanted   map[string]bool
	problems []string
	names    map[string]string
	settings map[settingsKey]*settings
	// labelValues tells which clusters' names can be the value of a label.
	labelValues map[string]bool
}

func (c *computation) problem(format string, arguments ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, arguments...))
}

func (c *computation) narrowed() bool {
	return c.input.Services != nil || c.input.Environments != nil || c.input.ClusterSelector != nil
}

// knownNames refuses an input with a name that is not there. Where what was there is held, it may be a service that has just
// been deleted, and the others go on.
func (c *computation) knownNames() error {
	problems := &InputError{}
	var services, environments []string
	for _, service := range c.View.Services {
		services = append(services, service.Name)
	}
	for _, environment := range c.View.Platform.Environments {
		environments = append(environments, environment.Name)
	}
	for _, list := range []struct {
		field        string
		names, known []string
	}{{"services", c.input.Services, services}, {"environments", c.input.Environments, environments}} {
		known := setOf(list.known)
		for i, name := range list.names {
			if known[name] {
				continue
			}
			what := fmt.Sprintf("there is no %s %q; %s", strings.TrimSuffix(list.field, "s"), name, strict.Hint(name, list.known))
			if c.Held {
				c.find(UnknownName, fmt.Sprintf("input.parameters.%s[%d]", list.field, i), "%s", what)
				continue
			}
			problems.add("%s[%d]: %s", list.field, i, what)
		}
	}
	return problems.err()
}

// setOf is nil for nil.
func setOf(names []string) map[string]bool {
	if names == nil {
		return nil
	}
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}

// target is an environment that is asked for, with its clusters.
type target struct {
	*platform.Environment
	order int
	rules []rule
	// clusters are those that the input picks among the environment's.
	clusters []*fleet.Cluster
}

func (c *computation) services() {
	targets := c.targets()
	c.Sets = make([]Set, 0, c.count(targets))
	for i := range c.View.Services {
		service := &c.View.Services[i]
		if c.wanted != nil && !c.wanted[service.Name] {
			continue
		}
		if len(service.Overlays) == 0 {
			c.find(NoOverlay, "services/"+service.Name, "has no overlays/<environment>, and yields no Application")
		}
		for _, overlay := range ordered(service.Overlays, targets) {
			environment, known := targets[overlay.Environment]
			switch {
			case !known:
				c.problem("%s: there is no environment %q in %s; %s", overlay.Path, overlay.Environment, platform.File,
					strict.Hint(overlay.Environment, names(targets)))
			case environment.asked(c.input):
				c.service(service, overlay, environment)
			}
		}
	}
}

// count is how many sets there may be.
func (c *computation) count(targets map[string]*target) int {
	sets := 0
	for _, service := range c.View.Services {
		for _, overlay := range service.Overlays {
			if t := targets[overlay.Environment]; t != nil && (c.wanted == nil || c.wanted[service.Name]) {
				sets += len(t.clusters)
			}
		}
	}
	return sets
}

func (t *target) asked(input Input) bool {
	return input.Environments == nil || slices.Contains(input.Environments, t.Name)
}

func names(targets map[string]*target) []string {
	var out []string
	for name := range targets {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// ordered puts overlays into the order of the environments, those of unknown ones first.
func ordered(overlays []catalog.Overlay, targets map[string]*target) []*catalog.Overlay {
	out := make([]*catalog.Overlay, len(overlays))
	for i := range overlays {
		out[i] = &overlays[i]
	}
	place := func(o *catalog.Overlay) int {
		if t := targets[o.Environment]; t != nil {
			return t.order
		}
		return -1
	}
	slices.SortStableFunc(out, func(a, b *catalog.Overlay) int { return place(a) - place(b) })
	return out
}

// targets finds the clusters of the environments. Those of one that is not asked for may be anything.
func (c *computation) targets() map[string]*target {
	out := make(map[string]*target, len(c.View.Platform.Environments))
	for i := range c.View.Platform.Environments {
		t := &target{Environment: &c.View.Platform.Environments[i], order: i}
		out[t.Name] = t
		if !t.asked(c.input) {
			continue
		}
		matched := c.matching(&t.ClusterSelector, c.allClusters())
		at := fmt.Sprintf("%s: environments[%d] (%s)", platform.File, i, t.Name)
		switch {
		case len(matched) == 0 && c.Held:
			c.find(VacantEnvironment, at, "clusterSelector %s matches none of the %d clusters, so the environment yields no Application",
				written(&t.ClusterSelector), len(c.Clusters))
		case len(matched) == 0:
			c.problem("%s: clusterSelector %s matches none of the %d clusters, so the environment would have no Applications",
				at, written(&t.ClusterSelector), len(c.Clusters))
		case len(matched) > 1 && !strings.Contains(t.NameRule(), "{cluster}"):
			c.problem("%s: clusterSelector %s matches %d clusters (%s), but applicationName %s does not tell them apart; "+
				"{service}-{environment}-{cluster} does, and names the Applications anew", at, written(&t.ClusterSelector),
				len(matched), clusterNames(matched), t.NameRule())
		default:
			t.clusters, t.rules = c.matching(c.input.ClusterSelector, matched), rules(t.Environment)
		}
	}
	return out
}

func (c *computation) allClusters() []*fleet.Cluster {
	out := make([]*fleet.Cluster, len(c.Clusters))
	for i := range c.Clusters {
		out[i] = &c.Clusters[i]
	}
	return out
}

// matching returns the clusters that a selector, which has been checked, matches; a nil one matches all.
func (c *computation) matching(selector *metav1.LabelSelector, clusters []*fleet.Cluster) []*fleet.Cluster {
	if selector == nil {
		return clusters
	}
	matches, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		c.problem("%v", err)
		return nil
	}
	var out []*fleet.Cluster
	for _, cluster := range clusters {
		if matches.Matches(labels.Set(cluster.Labels)) {
			out = append(out, cluster)
		}
	}
	return out
}

// written is a selector as people write one on a command line.
func written(selector *metav1.LabelSelector) string {
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return "{}"
	}
	return metav1.FormatLabelSelector(selector)
}

func clusterNames(clusters []*fleet.Cluster) string {
	const few = 5
	var out []string
	for i, cluster := range clusters {
		if i == few {
			out = append(out, "…")
			break
		}
		out = append(out, cluster.Name)
	}
	return strings.Join(out, ", ")
}

// add takes a set into the answer.
func (c *computation) add(set Set) {
	if len(set.Name) > validation.LabelValueMaxLength {
		c.problem("%s: the Application's name %s has %d characters; Argo CD tracks resources by a label of at most %d. Shorten the name of the service, environment or cluster, or the rule applicationName",
			set.Path, set.Name, len(set.Name), validation.LabelValueMaxLength)
	} else if wrong := checkName(set.Name); len(wrong) > 0 {
		c.problem("%s: %q cannot be the name of an Application: %s. The cluster's name is %q; Argo CD's cluster Secret can give it another",
			set.Path, set.Name, wrong[0], set.Cluster.Name)
	}
	place := set.Path + " on cluster " + set.Cluster.Name
	if other, again := c.names[set.Name]; again {
		c.problem("%s and %s would both be the Application %s; an environment's applicationName tells them apart", other, place, set.Name)
	}
	c.names[set.Name] = place
	c.Sets = append(c.Sets, set)
}

// checkName is validation.IsDNS1123Subdomain, which costs more than all the rest of a parameter set, where it may have
// something to say.
func checkName(name string) []string {
	plain := name != "" && name[0] != '-' && name[len(name)-1] != '-'
	for i := range len(name) {
		plain = plain && (name[i] >= 'a' && name[i] <= 'z' || name[i] >= '0' && name[i] <= '9' || name[i] == '-')
	}
	if plain {
		return nil
	}
	return validation.IsDNS1123Subdomain(name)
}

func (c *computation) isLabelValue(cluster string) bool {
	is, known := c.labelValues[cluster]
	if !known {
		is = len(validation.IsValidLabelValue(cluster)) == 0
		c.labelValues[cluster] = is
	}
	return is
}

func (c *computation) find(kind FindingKind, path, format string, arguments ...any) {
	c.Findings = append(c.Findings, Finding{kind, path, path + ": " + fmt.Sprintf(format, arguments...)})
}
