package incluster

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
)

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
