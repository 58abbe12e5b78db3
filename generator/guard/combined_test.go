package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/guard"
)

// combine puts the plugin generator into a matrix, where an ApplicationSet asks for what is not known before it does.
func (w *world) combine() {
	plugin := w.set.Spec.Generators[0].Plugin
	w.set.Spec = *w.set.Spec.DeepCopy()
	w.set.Spec.Generators = []v1alpha1.ApplicationSetGenerator{{Matrix: &v1alpha1.MatrixGenerator{Generators: []v1alpha1.ApplicationSetNestedGenerator{
		{Plugin: plugin}, {List: &v1alpha1.ListGenerator{}},
	}}}}
}

func TestAMatrixWithoutAGuardIsAnsweredAndNoRefusalIsTold(t *testing.T) {
	w, s := newWorld(t, "api"), &said{}
	w.combine()
	w.set.Annotations[admission.GuardAnnotation] = "off"
	g := w.guard(s)
	w.answered(t, g)
	told := len(s.lines)
	if _, err := g.Wanted(t.Context(), w.set.Name); err == nil || !strings.Contains(err.Error(), "lies in a matrix or merge generator") {
		t.Errorf("what it asks for is known: %v", err)
	}
	if report := g.Reports()[w.set.Name]; len(s.lines) != told || report.Refused != "" {
		t.Errorf("told %q, and reported: %s", s.lines[told:], report.Refused)
	}
	explanation, text := w.why(t, w, "api-staging")
	if explanation.State != guard.Unknown || !strings.Contains(text, "matrix or merge") || strings.Contains(text, "no answer") {
		t.Errorf("api-staging is %s: %s", explanation.State, text)
	}
	w.commit(t, "api", "new")
	if explanation, text := w.why(t, w, "new-staging"); explanation.State != guard.Absent || !strings.Contains(text, "matrix or merge") ||
		strings.Contains(text, "answer") || strings.Contains(text, "input.parameters") {
		t.Errorf("new-staging is %s: %s", explanation.State, text)
	}
	overview := w.overview(t, g)
	if len(inStates(overview)[guard.Unknown]) != 2 || !strings.Contains(overview.Unknown, "matrix or merge") || overview.Frozen != "" {
		t.Errorf("%+v", overview)
	}
}

func TestAMatrixWithAGuardIsRefusedForWhatItIs(t *testing.T) {
	w, s := newWorld(t, "api"), &said{}
	g := w.guard(s)
	w.answered(t, g)
	w.combine()
	const why = "spec.generators[0].matrix combines parameter sets with others"
	_, err := g.Wanted(t.Context(), w.set.Name)
	var refusal *admission.Refusal
	if !errors.As(err, &refusal) || refusal.Kind != admission.PartialView {
		t.Errorf("%v", err)
	}
	if report := g.Reports()[w.set.Name]; report.Kind != admission.PartialView || !strings.Contains(report.Refused, why) {
		t.Errorf("reported as %s: %s", report.Kind, report.Refused)
	}
	if explanation, text := w.why(t, w, "api-staging"); explanation.State != guard.Frozen || !strings.Contains(text, "gets no answer, so nothing changes: "+why) {
		t.Errorf("api-staging is %s: %s", explanation.State, text)
	}
	if overview := w.overview(t, g); len(inStates(overview)[guard.Frozen]) != 2 || !strings.Contains(overview.Frozen, why) || overview.Unknown != "" {
		t.Errorf("%+v", overview)
	}
}
