package admission_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/generator/admission"
)

// events are what happens to a simulation, each with how often.
var events = []struct {
	name  string
	often int
	does  func(*simulation, *rand.Rand)
}{
	{"an overlay comes or goes", 6, func(s *simulation, r *rand.Rand) {
		overlay := pick(r, "a", "b", "c", "d") + "/" + pick(r, "staging", "production")
		if s.overlays[overlay] {
			delete(s.overlays, overlay)
		} else {
			s.overlays[overlay] = true
		}
	}},
	{"all overlays are there", 1, func(s *simulation, _ *rand.Rand) { s.everyOverlay() }},
	{"many overlays go", 1, func(s *simulation, r *rand.Rand) {
		for _, overlay := range slices.Sorted(maps.Keys(s.overlays)) {
			if r.IntN(2) == 0 {
				delete(s.overlays, overlay)
			}
		}
	}},
	{"something becomes of a cluster", 4, func(s *simulation, r *rand.Rand) {
		s.clusters[pick(r, slices.Sorted(maps.Keys(s.clusters))...)] = pick(r, asBefore, asBefore, gone, relabelled)
	}},
	{"names are changed", 1, func(s *simulation, r *rand.Rand) { s.names = pick(r, "", otherNames) }},
	{"the input is changed", 1, func(s *simulation, r *rand.Rand) {
		s.services = [][]string{nil, nil, {"a"}, {"a", "b", "c"}}[r.IntN(4)]
	}},
	{"the repository is not known, or is", 2, func(s *simulation, r *rand.Rand) { s.unknown = r.IntN(3) == 0 }},
	{"the folder of a service is renamed", 1, func(s *simulation, r *rand.Rand) {
		from := pick(r, "a", "b", "c", "d")
		to := from + "2"
		if s.overlays[to+"/staging"] || s.overlays[to+"/production"] {
			from, to = to, from
		}
		for _, environment := range []string{"/staging", "/production"} {
			if s.overlays[from+environment] {
				delete(s.overlays, from+environment)
				s.overlays[to+environment] = true
			}
		}
	}},
	{"a replica reads the repository no more", 2, func(s *simulation, _ *rand.Rand) {
		s.old = &oldView{maps.Clone(s.overlays), s.names, s.now}
	}},
	{"the replica that is behind is asked, or another", 3, func(s *simulation, r *rand.Rand) { s.behind = r.IntN(3) == 0 }},
	{"annotations of the ApplicationSet cannot be written, or can", 2, func(s *simulation, r *rand.Rand) { s.readOnly = r.IntN(3) == 0 }},
	{"someone edits the annotation of an Application", 2, func(s *simulation, r *rand.Rand) {
		if app := s.any(r); app != nil {
			app.edit(r, s.any(r).Parameters)
		}
	}},
	{"a human syncs an Application", 3, func(s *simulation, r *rand.Rand) {
		if app := s.any(r); app != nil {
			app.sync()
		}
	}},
	{"someone acknowledges what is held", 3, func(s *simulation, r *rand.Rand) {
		world := s.world()
		decision, err := admission.Decide(world)
		var refusal *admission.Refusal
		if errors.As(err, &refusal) && refusal.Digest != "" {
			s.rememberRefused(refusal.Digest, world)
			s.annotate(admission.AcknowledgeAnnotation, refusal.Digest)
		}
		if err == nil && len(decision.Held) > 0 {
			s.remember(decision, s.desired())
			digest := decision.Digest
			if r.IntN(2) == 0 {
				digest = decision.Held[r.IntN(len(decision.Held))].Digest
			}
			s.annotate(admission.AcknowledgeAnnotation, digest)
		}
	}},
	{"someone repeats an old acknowledgement", 1, func(s *simulation, r *rand.Rand) {
		if len(s.acknowledged) > 0 {
			s.annotate(admission.AcknowledgeAnnotation, pick(r, slices.Sorted(maps.Keys(s.acknowledged))...))
		}
	}},
	{"an Application settles", 6, func(s *simulation, r *rand.Rand) {
		if app := s.any(r); app != nil {
			app.settle()
			if app.Automated {
				app.sync()
			}
		}
	}},
	{"someone deletes an Application", 1, func(s *simulation, r *rand.Rand) {
		if app := s.any(r); app != nil {
			app.Deleting = true
		}
	}},
	{"a deletion is done", 4, func(s *simulation, r *rand.Rand) {
		if app := s.any(r); app != nil && app.Deleting {
			delete(s.apps, app.Name)
		}
	}},
	{"time passes", 2, func(s *simulation, r *rand.Rand) { s.now = s.now.Add(time.Duration(r.IntN(12)) * time.Minute) }},
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// edit is what a human writes into the annotation of an Application.
func (app *application) edit(r *rand.Rand, ofAnother string) {
	if app.edited != "" {
		return
	}
	elsewhere := strings.Replace(app.Parameters, `"path":"services/`, `"path":"services/elsewhere-`, 1)
	text := pick(r, "", "{", `{"name":null}`, strings.Replace(app.Parameters, "{", `{"Name":"x",`, 1), ofAnother, elsewhere, elsewhere)
	switch {
	case text == app.Parameters:
		return
	case text == elsewhere:
		app.edited = misleading
	default:
		app.edited = unreadable
	}
	app.Parameters = text
}

func (s *simulation) any(r *rand.Rand) *application {
	if len(s.apps) == 0 {
		return nil
	}
	return s.apps[pick(r, slices.Sorted(maps.Keys(s.apps))...)]
}

func (s *simulation) everyOverlay() {
	for _, service := range []string{"a", "b", "c", "d"} {
		s.overlays[service+"/staging"], s.overlays[service+"/production"] = true, true
	}
}

func random(r *rand.Rand) *simulation {
	s := &simulation{
		argocd: newArgoCD(), now: noon, overlays: map[string]bool{}, clusters: map[string]string{"s1": asBefore, "p1": asBefore},
		acknowledged: map[string]map[string]string{},
		policy: admission.Policy{
			RemovalCount: r.IntN(3), RemovalShare: []int{0, 10, 50}[r.IntN(3)], Protected: []string{"production"},
			Ramp: []int{0, 1, 2, 3}[r.IntN(4)], SettleTimeout: 10 * time.Minute,
			Confirmation: time.Duration(r.IntN(2)) * 2 * time.Minute,
		},
	}
	for _, cluster := range []string{"s2", "p2"} {
		if r.IntN(2) == 0 {
			s.clusters[cluster] = asBefore
		}
	}
	s.everyOverlay()
	return s
}

// TestNoSequenceOfAnswersRemovesWhatPolicyProtects lets anything happen, in any order. After every answer it looks at what
// Argo CD does with it; in the end everything must be as it is desired.
func TestNoSequenceOfAnswersRemovesWhatPolicyProtects(t *testing.T) {
	for seed := range uint64(sequences()) {
		if err := sequence(seed, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// sequence is one of what may happen. Argo CD's own controller, where there is one, does all that the simulated one does.
func sequence(seed uint64, own *controller) error {
	r := rand.New(rand.NewPCG(seed, 7))
	s, history := random(r), []string{}
	s.controller = own
	for range 60 {
		history = append(history, s.happens(r))
		if r.IntN(3) > 0 {
			continue
		}
		history = append(history, "poll")
		if err := s.poll(); err != nil {
			return fmt.Errorf("seed %d, after %s:\n%w\n%s", seed, strings.Join(history, ", "), err, s)
		}
	}
	if err := s.ends(); err != nil {
		return fmt.Errorf("seed %d, in the end, after %s:\n%w\n%s", seed, strings.Join(history, ", "), err, s)
	}
	return nil
}

// happens is one event.
func (s *simulation) happens(r *rand.Rand) string {
	often := 0
	for _, event := range events {
		often += event.often
	}
	at := r.IntN(often)
	for _, event := range events {
		if at -= event.often; at < 0 {
			event.does(s, r)
			return event.name
		}
	}
	panic("no event happens")
}

// sequences are fewer with -short, and with the race detector, which makes them ten times slower.
func sequences() int {
	if testing.Short() || raceDetector {
		return 100
	}
	return 1000
}

func (s *simulation) String() string {
	var apps []string
	for _, name := range slices.Sorted(maps.Keys(s.apps)) {
		apps = append(apps, strings.TrimSpace(name+" "+string(s.apps[name].edited)))
	}
	return fmt.Sprintf("overlays %v, clusters %v, names %q, input %v, unknown %v, behind %v %+v, annotations %v, live %q, %+v",
		slices.Sorted(maps.Keys(s.overlays)), s.clusters, s.names, s.services, s.unknown, s.behind, s.old, s.set.Annotations, apps, s.policy)
}
