package docs

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/supersede"
)

// TestEveryEventIsDocumented: whoever sees one can look up what it means.
func TestEveryEventIsDocumented(t *testing.T) {
	recorder := record.NewFakeRecorder(10)
	one := []admission.Removal{{Application: "a"}}
	guard.Tell(recorder, slog.New(slog.DiscardHandler), "argocd")(&live.ApplicationSet{Name: "services"}, guard.Report{
		Refused: "x", Doubt: "x", Held: one, Released: one, Admitted: []string{"a"}, Digest: "x",
	})
	close(recorder.Events)
	want := []string{supersede.EventSuperseded, supersede.EventStarted, supersede.EventWaits}
	for event := range recorder.Events {
		want = append(want, strings.Fields(event)[1])
	}
	if len(want) != 8 {
		t.Fatalf("%q", want)
	}
	_, after, _ := strings.Cut(read(t, page), "\n### Events\n")
	section, _, _ := strings.Cut(after, "\n#")
	var got []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllStringSubmatch(section, -1) {
		got = append(got, match[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events that there are and that %s tells of differ (-want +got):\n%s", page, diff)
	}
}
