package docs

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// TestTheMetricsOfEachReplicaAreRead: the alerts are about replicas, and without metrics one of them always fires.
func TestTheMetricsOfEachReplicaAreRead(t *testing.T) {
	var monitor struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Spec              struct {
			Selector            metav1.LabelSelector `json:"selector"`
			PodMetricsEndpoints []struct {
				Port string `json:"port"`
			} `json:"podMetricsEndpoints"`
		} `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "manifests/podmonitor.yaml")), &monitor); err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	generator := installed(t)
	if pod := generator.Spec.Template; monitor.Namespace != generator.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
		t.Errorf("%v in %s does not select %v in %s", selector, monitor.Namespace, pod.Labels, generator.Namespace)
	}
	if len(monitor.Spec.PodMetricsEndpoints) != 1 || monitor.Spec.PodMetricsEndpoints[0].Port != generator.Spec.Template.Spec.Containers[0].Ports[0].Name {
		t.Errorf("%+v is not the port of %+v", monitor.Spec, generator.Spec.Template.Spec.Containers[0].Ports)
	}
}
