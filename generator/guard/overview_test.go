package guard_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/guard"
)

func (w *world) overview(t *testing.T, g *guard.Guard) guard.Summary {
	t.Helper()
	all, err := g.Overview(t.Context(), "argocd")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d ApplicationSets", len(all))
	}
	return all[0]
}

// inStates are the names of a summary's Applications by state.
func inStates(s guard.Summary) map[guard.State][]string {
	out := map[guard.State][]string{}
	for _, e := range s.Applications {
		out[e.State] = append(out[e.State], e.Application)
	}
	return out
}

func TestTheOverviewSaysOfEachApplicationWhatWhySays(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.commit(t, "api", "new")
	overview := w.overview(t, g)
	if diff := cmp.Diff(map[guard.State][]string{
		guard.Stays: {"api-production", "api-staging"}, guard.Comes: {"new-production", "new-staging"},
		guard.Held: {"web-production"}, guard.Goes: {"web-staging"},
	}, inStates(overview)); diff != "" {
		t.Error(diff)
	}
	for _, e := range overview.Applications {
		one, err := g.Why(t.Context(), "argocd", e.Application)
		if err != nil {
			t.Fatal(err)
		}
		if one.State != e.State || e.State != guard.Stays && !slices.Equal(one.Why, e.Why) {
			t.Errorf("of %s why says %s, %q, and the overview %s, %q", e.Application, one.State, one.Why, e.State, e.Why)
		}
	}
	if overview.Frozen != "" || !strings.Contains(overview.Do, admission.AcknowledgeAnnotation+"=") {
		t.Errorf("%+v", overview)
	}
}

func TestTheOverviewOfWhatGetsNoAnswerHasEveryApplication(t *testing.T) {
	for name, damage := range map[string]func(*world){
		"a doubt": func(w *world) { w.viewErr = errors.New("unreachable") },
		"a refusal": func(w *world) {
			w.commit(t, "api", "new")
			w.set.Spec.Generators = append(w.set.Spec.Generators, w.set.Spec.Generators[0])
		},
		"an input that is broken": func(w *world) { w.set.Spec.Generators[0].Plugin = nil },
	} {
		w := newWorld(t, "api")
		g := w.guard(&said{})
		w.answered(t, g)
		damage(w)
		overview := w.overview(t, g)
		want := map[guard.State][]string{guard.Frozen: {"api-production", "api-staging"}}
		if name == "a refusal" {
			want[guard.Waits] = []string{"new-production", "new-staging"}
		}
		if diff := cmp.Diff(want, inStates(overview)); diff != "" || overview.Frozen == "" {
			t.Errorf("%s: %q\n%s", name, overview.Frozen, diff)
		}
	}
}

func TestWithoutAGuardWhatNothingDemandsGoes(t *testing.T) {
	w := newWorld(t, "api", "web")
	g := w.guard(&said{})
	w.answered(t, g)
	w.set.Annotations[admission.GuardAnnotation] = "off"
	w.commit(t, "api")
	if goes := inStates(w.overview(t, g))[guard.Goes]; !slices.Equal(goes, []string{"web-production", "web-staging"}) {
		t.Errorf("only %q go", goes)
	}
}

// Who is told that no ApplicationSet asks for it, while one could not be looked at, looks in the wrong place.
func TestWhatAnApplicationSetWithoutAnAnswerAsksForIsNotKnown(t *testing.T) {
	w := newWorld(t, "api")
	w.set.Spec.Generators[0].Plugin.Input.Parameters = nil
	for refused, want := range map[bool]string{false: "new-staging", true: ", once there is an answer"} {
		if refused {
			w.set.Spec.Generators[0].Plugin = nil
		}
		w.commit(t, "api", "new")
		explanation, err := w.guard(&said{}).Why(t.Context(), "argocd", "new-staging")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(append(explanation.Why, explanation.Application), "\n")
		if !strings.Contains(text, want) || strings.Contains(text, "no ApplicationSet asks for it") {
			t.Errorf("refused %t: %s", refused, text)
		}
	}
}
