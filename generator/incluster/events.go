package incluster

import (
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/record"
)

// component is who Events are from.
const component = "tidegate-generator"

// kinds are those of what Events are about: what the API server has answered does not say its kind.
var kinds = runtime.NewScheme()

func init() { utilruntime.Must(v1alpha1.AddToScheme(kinds)) }

func newRecorder(broadcaster record.EventBroadcaster) record.EventRecorder {
	return broadcaster.NewRecorder(kinds, corev1.EventSource{Component: component})
}

// newBroadcaster tells people by Events. client-go lets 25 of an object through, and then one in five minutes, whatever they
// say: new Applications that come in by steps would use that up, and nobody be told of what is held. So each reason has that
// many of its own, and more of them later.
func newBroadcaster() record.EventBroadcaster {
	return record.NewBroadcasterWithCorrelatorOptions(record.CorrelatorOptions{
		SpamKeyFunc: func(event *corev1.Event) string {
			about := event.InvolvedObject
			return event.Reason + "\x00" + about.Kind + "\x00" + about.Namespace + "\x00" + about.Name + "\x00" + string(about.UID)
		},
		QPS: 1. / 20,
	})
}
