package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/generator/guard"
)

// Somebody waits for a new Application while a source is in doubt. Who is told to look at the ApplicationSet's input, or
// that there is no such thing, looks in the wrong place.
func TestWhySaysThatNothingNewComesWhileASourceIsInDoubt(t *testing.T) {
	w := newWorld(t, "api")
	g := w.guard(&said{})
	w.answered(t, g)
	w.commit(t, "api", "new")
	const doubt = "cluster Secrets may not be listed"
	ask := func() *guard.Explanation {
		explanation, err := g.Why(t.Context(), "argocd", "new-staging")
		if err != nil {
			t.Fatal(err)
		}
		return explanation
	}
	for _, source := range []struct {
		name string
		is   func()
	}{
		{"the clusters are", func() { w.doubt = doubt }},
		{"the repository is", func() { w.doubt, w.viewErr = "", errors.New(doubt) }},
	} {
		source.is()
		explanation := ask()
		text := strings.Join(explanation.Why, "\n")
		if explanation.State != guard.Absent || !strings.Contains(text, "no new Application comes: ") || !strings.Contains(text, doubt) ||
			strings.Contains(text, "input.parameters") || strings.Contains(text, "would be called so") {
			t.Errorf("%s in doubt: %s\n%s", source.name, explanation.State, text)
		}
	}
}
