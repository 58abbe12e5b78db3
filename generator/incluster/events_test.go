package incluster

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
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
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
	about := &corev1.ObjectReference{Kind: "ApplicationSet", Namespace: "argocd", Name: "tidegate-services"}
	for i := range 100 {
		recorder.Event(about, corev1.EventTypeNormal, "ApplicationsAdmitted", fmt.Sprintf("%d new Applications come", i))
	}
	recorder.Event(about, corev1.EventTypeWarning, "RemovalHeld", "1 held")
	deadline := time.After(10 * time.Second)
	for {
		select {
		case event := <-events:
			if event.Reason == "RemovalHeld" {
				return
			}
		case <-deadline:
			t.Fatal("nobody is told of what is held")
		}
	}
}

var _ record.EventSink = sink(nil)
