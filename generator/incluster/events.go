package incluster

import (
	"errors"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// telling has client-go, which writes Events and logs what the API server refuses, say what to do about that.
type telling struct{ record.EventSink }

func (t telling) Create(event *corev1.Event) (*corev1.Event, error) {
	out, err := t.EventSink.Create(event)
	return out, advised(err)
}

func (t telling) Update(event *corev1.Event) (*corev1.Event, error) {
	out, err := t.EventSink.Update(event)
	return out, advised(err)
}

func (t telling) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	out, err := t.EventSink.Patch(event, data)
	return out, advised(err)
}

// advised stays an error of its kind: client-go tries again what it does not know.
func advised(err error) error {
	var status *apierrors.StatusError
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return err
	}
	out := *status
	out.ErrStatus.Message += "; no Event tells what is held, let in or ended until the service account has the rights of manifests/generator-rbac.yaml"
	return &out
}
