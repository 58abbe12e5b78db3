package admission_test

import (
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
		for overlay := range s.overlays {
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
	{"someone acknowledges what is held", 3, func(s *simulation, r *rand.Rand) {
		if decision, err := admission.Decide(s.world()); err == nil && len(decision.Held) > 0 {
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
	often := 0
	for _, event := range events {
		often += event.often
	}
	for seed := range uint64(sequences()) {
		r := rand.New(rand.NewPCG(seed, 7))
		s, history := random(r), []string{}
		for range 60 {
			at := r.IntN(often)
			for _, event := range events {
				if at -= event.often; at < 0 {
					event.does(s, r)
					history = append(history, event.name)
					break
				}
			}
			if r.IntN(3) > 0 {
				continue
			}
			history = append(history, "poll")
			if err := s.poll(); err != nil {
				t.Fatalf("seed %d, after %s:\n%v\n%s", seed, strings.Join(history, ", "), err, s)
			}
		}
		if err := s.ends(); err != nil {
			t.Fatalf("seed %d, in the end, after %s:\n%v\n%s", seed, strings.Join(history, ", "), err, s)
		}
	}
}

// sequences are fewer with -short, and with the race detector, which makes them ten times slower.
func sequences() int {
	if testing.Short() || raceDetector {
		return 100
	}
	return 1000
}

func (s *simulation) String() string {
	return fmt.Sprintf("overlays %v, clusters %v, names %q, input %v, unknown %v, live %v, %+v",
		slices.Sorted(maps.Keys(s.overlays)), s.clusters, s.names, s.services, s.unknown, slices.Sorted(maps.Keys(s.apps)), s.policy)
}
