package incluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
)

// sink is an API server that takes Events.
type sink chan *corev1.Event

func (s sink) Create(event *corev1.Event) (*corev1.Event, error) {
	s <- event
	return event, nil
}
func (s sink) Update(event *corev1.Event) (*corev1.Event, error)          { return s.Create(event) }
func (s sink) Patch(event *corev1.Event, _ []byte) (*corev1.Event, error) { return s.Create(event) }

// A removal is held and nobody is told, if this fails: many new Applications have been told of before, and client-go lets
// only 25 Events of an object through, and then one in five minutes.
func TestWhatIsHeldIsToldAfterManyOtherThings(t *testing.T) {
	broadcaster := newBroadcaster()
	defer broadcaster.Shutdown()
	events := make(sink, 1000)
	defer broadcaster.StartRecordingToSink(events).Stop()
	recorder := newRecorder(broadcaster)
	about := &corev1.ObjectReference{Kind: "ApplicationSet", Namespace: "argocd", Name: "tidegate-services"}
	for i := range 100 {
		recorder.Event(about, corev1.EventTypeNormal, "ApplicationsAdmitted", fmt.Sprintf("%d new Applications come", i))
	}
	recorder.Event(about, corev1.EventTypeWarning, "RemovalHeld", "1 held")
	events.has(t, "RemovalHeld")
}

// has waits for an Event.
func (s sink) has(t *testing.T, reason string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case event := <-s:
			if event.Reason == reason {
				return
			}
		case <-deadline:
			t.Fatalf("nobody is told of %s", reason)
		}
	}
}

// A sync is ended and nobody is told, if this fails: what the API server answers does not say what kind of object it is.
func TestWhatIsDoneToAnApplicationIsTold(t *testing.T) {
	broadcaster := newBroadcaster()
	defer broadcaster.Shutdown()
	events := make(sink, 1)
	defer broadcaster.StartRecordingToSink(events).Stop()
	app := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "web"}}
	newRecorder(broadcaster).Event(app, corev1.EventTypeNormal, "Superseded", "Released the sync")
	events.has(t, "Superseded")
}

var _ record.EventSink = sink(nil)
