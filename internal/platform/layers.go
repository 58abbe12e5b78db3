package platform

import (
	"encoding/json"
	"maps"
	"slices"
)

// Layer is a place that gives Applications something, over what the layers before it give.
type Layer struct {
	// Where says which place of tidegate.yaml it is; it is empty for the cluster's own values.
	Where string
	Application
}

// LayersFor are those of the Applications of a service in an environment, the first one lowest.
func (p *Platform) LayersFor(service, environment string, clusterValues map[string]string) []Layer {
	layers := []Layer{{"defaults", p.Defaults}}
	if e := p.Environment(environment); e != nil {
		layers = append(layers, Layer{"the environment " + environment, e.Application})
	}
	layers = append(layers, Layer{Application: Application{Values: clusterValues}})
	if own, ok := p.Services[service]; ok {
		layers = append(layers, Layer{"the service " + service, own.Application},
			Layer{"the service " + service + " in the environment " + environment, own.Environments[environment]})
	}
	return layers
}

// LayersForClusterConfig are those of the Applications of clusters' configuration.
func (p *Platform) LayersForClusterConfig(clusterValues map[string]string) []Layer {
	layers := []Layer{{"defaults", p.Defaults}}
	if p.ClusterConfig != nil {
		layers = append(layers, Layer{"clusterConfig", p.ClusterConfig.Application})
	}
	return append(layers, Layer{Application: Application{Values: clusterValues}})
}

// Fields are what a layer gives, as tidegate.yaml writes it: a field, or the key of one that is merged key by key, such as
// values.REGION. They are sorted.
func (l Layer) Fields() []string {
	encoded, err := json.Marshal(l.Application)
	if err != nil {
		panic(err) // it was read from YAML
	}
	var fields map[string]any
	if err := json.Unmarshal(encoded, &fields); err != nil {
		panic(err) // it was marshalled
	}
	var out []string
	for name, value := range fields {
		keys, merged := value.(map[string]any)
		switch {
		case merged && name != "syncPolicy":
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				out = append(out, name+"."+key)
			}
		default:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
