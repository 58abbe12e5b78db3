package guard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/live"
)

// message is something that a person should know of an ApplicationSet.
type message struct {
	// reason is that of an Event.
	reason  string
	warning bool
	text    string
}

// messages are what a report says, in sentences that say what to do.
func (r Report) messages(namespace, name string) []message {
	var out []message
	add := func(reason string, warning bool, format string, arguments ...any) {
		out = append(out, message{reason, warning, fmt.Sprintf(format, arguments...)})
	}
	if r.Refused != "" {
		add("AnswerRefused", true, "Nothing was answered, so nothing changes: %s", r.Refused)
	}
	if r.Doubt != "" {
		add("SourcesInDoubt", true, "Every Application stays as it is, and no new one comes: %s", r.Doubt)
	}
	if r.TooMany != "" {
		add("TooManyApplications", true, "%s", r.TooMany)
	}
	if len(r.Held) > 0 {
		add("RemovalHeld", true, "%d held. To let exactly these go: %s\n%s", len(r.Held), acknowledge(namespace, name, r.Digest), removals(r.Held))
	}
	if len(r.Released) > 0 {
		add("RemovalReleased", false, "%d go:\n%s", len(r.Released), removals(r.Released))
	}
	if len(r.Admitted) > 0 || len(r.Waiting) > 0 {
		text := fmt.Sprintf("%d new Applications come", len(r.Admitted))
		if len(r.Waiting) > 0 {
			text += fmt.Sprintf(", %d wait: %s", len(r.Waiting), r.Waiting[0].Message())
		}
		add("ApplicationsAdmitted", false, "%s", text)
	}
	return out
}

// acknowledge is the command that lets go what is held.
func acknowledge(namespace, name, digest string) string {
	return fmt.Sprintf("kubectl annotate applicationset %s --namespace %s --overwrite %s=%s", name, namespace, admission.AcknowledgeAnnotation, digest)
}

func removals(all []admission.Removal) string {
	lines := make([]string, len(all))
	for i, removal := range all {
		lines[i] = removal.Message()
	}
	return strings.Join(lines, "\n")
}

// maxEvent is the longest message of an Event (k8s.io/kubernetes pkg/apis/core/validation).
const maxEvent = 1024

// Tell returns what tells people of reports: by the log, and by Events of the ApplicationSet.
func Tell(events record.EventRecorder, log *slog.Logger, namespace string) func(*live.ApplicationSet, Report) {
	return func(set *live.ApplicationSet, r Report) {
		about := &corev1.ObjectReference{
			APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Namespace: namespace, Name: set.Name, UID: uid(set), ResourceVersion: set.ResourceVersion,
		}
		for _, m := range r.messages(namespace, set.Name) {
			kind, level := corev1.EventTypeNormal, slog.LevelInfo
			if m.warning {
				kind, level = corev1.EventTypeWarning, slog.LevelWarn
			}
			events.Event(about, kind, m.reason, shorten(m.text))
			log.LogAttrs(context.Background(), level, m.text, slog.String("reason", m.reason), slog.String("applicationSet", set.Name), slog.String("revision", r.Revision))
		}
	}
}

func uid(set *live.ApplicationSet) types.UID { return types.UID(set.UID) }

// shorten cuts a message to the size of an Event; the log has all of it.
func shorten(text string) string {
	const more = "\n… and more: tidegate why, or the generator's log"
	if len(text) <= maxEvent {
		return text
	}
	return strings.ToValidUTF8(text[:maxEvent-len(more)], "") + more
}
