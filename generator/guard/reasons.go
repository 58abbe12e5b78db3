package guard

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/generator/fleet"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/internal/platform"
)

// reasons say where a parameter set comes from.
func (d *demand) reasons(set *params.Set) []string {
	out := []string{fmt.Sprintf("%s is in the repository at revision %s", set.Path, d.ground.Revision)}
	if selector := d.ground.Environments[set.Environment]; selector != nil {
		out = append(out, fmt.Sprintf("%s: the environment %s selects the cluster %s by %s", platform.File, set.Environment, set.Cluster.Name, written(selector)))
	}
	for _, finding := range d.findings {
		if finding.Path == set.Path {
			out = append(out, finding.Message)
		}
	}
	if d.platform == nil {
		return out
	}
	return append(out, d.origins(set), d.batch(set))
}

// origins say which place of tidegate.yaml gives what of a parameter set.
func (d *demand) origins(set *params.Set) string {
	values := d.ground.Clusters[set.Cluster.Name].Values
	layers := d.platform.LayersForClusterConfig(values)
	if set.Kind != params.ClusterConfig {
		layers = d.platform.LayersFor(set.Service, set.Environment, values)
	}
	var said []string
	for _, layer := range layers {
		if fields := layer.Fields(); len(fields) > 0 {
			where := cmp.Or(layer.Where, "the annotation "+fleet.ValuesAnnotation+" of the cluster "+set.Cluster.Name)
			said = append(said, fmt.Sprintf("%s (%s)", where, strings.Join(fields, ", ")))
		}
	}
	return fmt.Sprintf("%s gives its parameters, and what comes later wins: %s", platform.File, strings.Join(said, "; "))
}

// batch says which rule puts an Application into its batch.
func (d *demand) batch(set *params.Set) string {
	out := "it is in the batch " + set.Batch
	environment := d.platform.Environment(set.Environment)
	if environment == nil {
		return out
	}
	for _, batch := range environment.Batches {
		switch {
		case set.Batch != params.BatchName(environment, batch.Name):
		case batch.ClusterSelector != nil && batch.Share != "":
			return fmt.Sprintf("%s, by the labels of its cluster, %s, and its name, which is in the share of %s", out, written(batch.ClusterSelector), batch.Share)
		case batch.ClusterSelector != nil:
			return fmt.Sprintf("%s, by the labels of its cluster, %s", out, written(batch.ClusterSelector))
		case batch.Share != "":
			return fmt.Sprintf("%s, by its name, which is in the share of %s", out, batch.Share)
		default:
			return out + ", as no batch before it takes it"
		}
	}
	return out
}
