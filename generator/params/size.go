package params

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/platform"
)

// MaxApplications is how many Applications one ApplicationSet should have at most. Argo CD writes all of them into the status of
// that one object, and looks at all of them whenever one changes: at about 7,300 the object is larger than etcd takes, with
// RollingSync at about 3,200.
const MaxApplications = 2000

// size finds an answer that is too large for one ApplicationSet, and how to divide it.
func (c *computation) size() {
	if len(c.Sets) <= MaxApplications {
		return
	}
	c.find(TooMany, platform.File, "%d Applications in one ApplicationSet are more than %d, which Argo CD keeps in the status of one object. Make several ApplicationSets, each with one of these as input.parameters: %s",
		len(c.Sets), MaxApplications, strings.Join(divide(c.Sets), "; "))
}

// divide proposes inputs that have at most MaxApplications each: environments together where they fit, those that are too
// large by a label of the clusters, or by services where no label does.
func divide(sets []Set) []string {
	var out, together []string
	fit := 0
	flush := func() {
		if len(together) > 0 {
			out = append(out, proposed("environments: ["+strings.Join(together, ", ")+"]", fit))
		}
		together, fit = nil, 0
	}
	names, groups := byEnvironment(sets)
	for _, name := range names {
		of := groups[name]
		if len(of) > MaxApplications {
			out = append(out, divideEnvironment(name, of)...)
			continue
		}
		if fit+len(of) > MaxApplications {
			flush()
		}
		together, fit = append(together, name), fit+len(of)
	}
	flush()
	return out
}

// divideEnvironment proposes inputs for one environment, or for the configuration of clusters, which has none.
func divideEnvironment(name string, sets []*Set) []string {
	environment := ""
	if name != "" {
		environment = "environments: [" + name + "], "
	}
	if key, values := dividingLabel(sets); key != "" {
		var out []string
		for _, value := range slices.Sorted(maps.Keys(values)) {
			out = append(out, proposed(fmt.Sprintf("%sclusterSelector: {matchLabels: {%s: %s}}", environment, key, value), values[value]))
		}
		return out
	}
	if name == "" {
		return []string{fmt.Sprintf("{kind: %s, clusterSelector: …}, by a label that no more than %d clusters share", ClusterConfig, MaxApplications)}
	}
	services, byService := perService(sets)
	var out []string
	first, count := 0, 0
	for i, service := range services {
		if count > 0 && count+byService[service] > MaxApplications {
			out = append(out, proposed(fmt.Sprintf("%sservices: [%s … %s]", environment, services[first], services[i-1]), count))
			first, count = i, 0
		}
		count += byService[service]
	}
	return append(out, proposed(fmt.Sprintf("%sservices: [%s … %s]", environment, services[first], services[len(services)-1]), count))
}

func proposed(input string, applications int) string {
	return fmt.Sprintf("{%s} (%d)", input, applications)
}

// dividingLabel is the label of clusters with the fewest values that all of them have and of which no value has too many
// Applications, with how many each has.
func dividingLabel(sets []*Set) (string, map[string]int) {
	values, clusters := map[string]map[string]int{}, map[string]int{}
	for _, set := range sets {
		for key, value := range set.Cluster.Labels {
			if values[key] == nil {
				values[key] = map[string]int{}
			}
			values[key][value]++
			clusters[key]++
		}
	}
	best := ""
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fits := clusters[key] == len(sets) && slices.Max(slices.Collect(maps.Values(values[key]))) <= MaxApplications
		if fits && (best == "" || len(values[key]) < len(values[best])) {
			best = key
		}
	}
	return best, values[best]
}

// byEnvironment groups sets.
func byEnvironment(sets []Set) (order []string, groups map[string][]*Set) {
	groups = map[string][]*Set{}
	for i := range sets {
		key := sets[i].Environment
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], &sets[i])
	}
	return order, groups
}

// perService is how many there are of each service, which are in their order.
func perService(sets []*Set) (order []string, counts map[string]int) {
	counts = map[string]int{}
	for _, set := range sets {
		if counts[set.Service] == 0 {
			order = append(order, set.Service)
		}
		counts[set.Service]++
	}
	return order, counts
}
