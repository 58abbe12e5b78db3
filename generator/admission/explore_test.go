package admission_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/generator/admission"
)

// faults are what can be wrong with a world, one at a time.
var faults = map[string]func(*simulation){
	"none":                  func(*simulation) {},
	"not known":             func(s *simulation) { s.unknown = true },
	"staging is gone":       func(s *simulation) { s.clusters["s1"] = gone },
	"production is gone":    func(s *simulation) { s.clusters["p1"] = gone },
	"staging is relabelled": func(s *simulation) { s.clusters["s1"] = relabelled },
	"production relabelled": func(s *simulation) { s.clusters["p1"] = relabelled },
	"input is narrowed":     func(s *simulation) { s.services = []string{"a"} },
	"Applications renamed":  func(s *simulation) { s.names = otherNames },
}

// calm takes away what is wrong.
func (s *simulation) calm() {
	s.unknown, s.services, s.names = false, nil, ""
	for cluster := range s.clusters {
		s.clusters[cluster] = asBefore
	}
}

func (s *simulation) clone() *simulation {
	out, argo := *s, *s.argocd
	out.argocd, argo.apps = &argo, make(map[string]*application, len(s.apps))
	for name, app := range s.apps {
		copied := *app
		argo.apps[name] = &copied
	}
	out.overlays, out.clusters, out.acknowledged = maps.Clone(s.overlays), maps.Clone(s.clusters), map[string]map[string]string{}
	return &out
}

// key is what tells states apart. UIDs are not: what is decided does not depend on them, but for acknowledgements, which are
// given and used in one step here.
func (s *simulation) key() string {
	var key strings.Builder
	fmt.Fprint(&key, slices.Sorted(maps.Keys(s.overlays)), s.clusters["s1"], s.clusters["p1"], s.unknown, s.services, s.names)
	for _, name := range slices.Sorted(maps.Keys(s.apps)) {
		app := s.apps[name]
		fmt.Fprint(&key, " ", name, app.Deleting, app.Reconciled, s.tooMany[app.UID])
	}
	return key.String()
}

// next are the states that one step leads to.
func (s *simulation) next(services, withFaults []string) (out []*simulation, err error) {
	to := func(change func(*simulation)) {
		after := s.clone()
		change(after)
		out = append(out, after)
	}
	for _, service := range services {
		for _, environment := range []string{"staging", "production"} {
			to(func(n *simulation) {
				overlay := service + "/" + environment
				if n.overlays[overlay] = !n.overlays[overlay]; !n.overlays[overlay] {
					delete(n.overlays, overlay)
				}
			})
		}
	}
	for _, fault := range withFaults {
		to(func(n *simulation) { n.calm(); faults[fault](n) })
	}
	for name, app := range s.apps {
		switch {
		case app.Deleting:
			to(func(n *simulation) { delete(n.apps, name) })
		case !app.Reconciled:
			to(func(n *simulation) { n.apps[name].settle() })
		}
	}
	to(func(n *simulation) { err = n.poll() })
	if err == nil {
		to(func(n *simulation) { err = n.acknowledgeAndPoll() })
	}
	return out, err
}

// acknowledgeAndPoll is that what is held is acknowledged, and answered.
func (s *simulation) acknowledgeAndPoll() error {
	world := s.world()
	decision, err := admission.Decide(world)
	if err != nil || decision.Digest == "" {
		return nil
	}
	s.remember(decision, desiredOf(world))
	s.annotate(admission.AcknowledgeAnnotation, decision.Digest)
	defer s.annotate(admission.AcknowledgeAnnotation, "")
	held := decision.Held
	if err := s.poll(); err != nil {
		return err
	}
	if again, err := admission.Decide(s.world()); err == nil {
		for _, removal := range held {
			stays := slices.ContainsFunc(again.Held, func(r admission.Removal) bool { return r.UID == removal.UID && r.Ruling != admission.ByEmptying })
			if stays {
				return fmt.Errorf("%s is held although that was acknowledged", removal.Application)
			}
		}
	}
	return nil
}

// TestEveryStateOfASmallWorldIsSafe goes through all states that a small world can come into, whatever happens in whatever
// order, looks at each answer, and at whether each of some of the states still ends where it should.
func TestEveryStateOfASmallWorldIsSafe(t *testing.T) {
	all := slices.Sorted(maps.Keys(faults))
	for _, test := range []struct {
		name     string
		services []string
		faults   []string
		long     bool
		// want is the number of states, printed in docs/admission.md: with another one something has changed.
		want int
	}{
		{"1 service, 2 environments, 2 clusters, all faults", []string{"a"}, all, false, 1944},
		{"2 services, 2 environments, 2 clusters, all faults but renames", []string{"a", "b"},
			slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == "Applications renamed" }), true, 119040},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.long && (testing.Short() || raceDetector) {
				t.Skip("takes minutes with the race detector: it runs without it")
			}
			start := &simulation{
				argocd: newArgoCD(), now: noon, overlays: map[string]bool{}, clusters: map[string]string{"s1": asBefore, "p1": asBefore},
				acknowledged: map[string]map[string]string{},
				policy:       admission.Policy{RemovalCount: 1, Protected: []string{"production"}, Ramp: 1, SettleTimeout: 10 * time.Minute},
			}
			states := explore(t, start, test.services, test.faults)
			t.Logf("%d states", states)
			if states != test.want {
				t.Errorf("%d states; there were %d", states, test.want)
			}
		})
	}
}

func explore(t *testing.T, start *simulation, services, withFaults []string) int {
	t.Helper()
	seen, queue := map[string]bool{start.key(): true}, []*simulation{start}
	for at := 0; at < len(queue); at++ {
		state := queue[at]
		queue[at] = nil
		after, err := state.next(services, withFaults)
		if err == nil && at%50 == 0 {
			calm := state.clone()
			calm.names = ""
			err = calm.ends()
		}
		if err != nil {
			t.Fatalf("after %d states: %v\n%s", at, err, state)
		}
		for _, next := range after {
			if key := next.key(); !seen[key] {
				seen[key] = true
				queue = append(queue, next)
			}
		}
	}
	return len(seen)
}
