package params

import (
	"crypto/sha256"
	"encoding/binary"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/internal/platform"
)

// rule is one of an environment's batches.
type rule struct {
	batch    string
	selector labels.Selector
	// below is the percentile up to which Applications are taken; 0 takes whatever comes.
	below int
}

// BatchName is what Applications in a batch of an environment are labelled with.
func BatchName(environment *platform.Environment, batch string) string {
	return environment.Name + "-" + batch
}

// rules are those of an environment, in their order.
func rules(environment *platform.Environment) []rule {
	var out []rule
	shares := 0
	for _, b := range environment.Batches {
		next := rule{batch: BatchName(environment, b.Name)}
		if b.ClusterSelector != nil {
			// Parse has checked it; one that matches nothing is what is left of one that could not be read.
			next.selector = labels.Nothing()
			if selector, err := metav1.LabelSelectorAsSelector(b.ClusterSelector); err == nil {
				next.selector = selector
			}
		}
		if percent, err := platform.Percent(b.Share); err == nil {
			shares += percent
			next.below = shares
		}
		out = append(out, next)
	}
	return append(out, rule{batch: environment.Name})
}

// batch is the first of the environment's batches that takes an Application. It depends on the Application and its cluster
// alone: others that come and go move nothing.
func batch(rules []rule, cluster *fleet.Cluster, name string) string {
	for _, r := range rules {
		if (r.selector == nil || r.selector.Matches(labels.Set(cluster.Labels))) && (r.below == 0 || percentile(name) < r.below) {
			return r.batch
		}
	}
	return ""
}

// percentile is a number from 0 to 99 that spreads names evenly, and is the same for a name forever.
func percentile(name string) int {
	sum := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint64(sum[:]) % 100)
}
