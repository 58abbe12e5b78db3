package params

import (
	"crypto/sha256"
	"encoding/binary"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/internal/platform"
)

// batch is the first of the environment's batches that takes an Application. It depends on the Application and its cluster
// alone: others that come and go move nothing.
func batch(environment *platform.Environment, cluster *fleet.Cluster, name string) string {
	upTo := 0
	for _, b := range environment.Batches {
		percent, _ := platform.Percent(b.Share)
		upTo += percent
		switch {
		case b.ClusterSelector != nil && !matches(b.ClusterSelector, cluster.Labels),
			percent > 0 && percentile(name) >= upTo:
			continue
		}
		return environment.Name + "-" + b.Name
	}
	return environment.Name
}

func matches(selector *metav1.LabelSelector, of map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(of))
}

// percentile is a number from 0 to 99 that spreads names evenly, and is the same for a name forever.
func percentile(name string) int {
	sum := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint64(sum[:]) % 100)
}
