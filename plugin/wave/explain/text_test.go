package explain

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/wave"
)

var colorCode = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestNoColourUnlessAsked(t *testing.T) {
	for _, plan := range []*wave.Plan{staging(), troubled(), hostile()} {
		if got := explained(t, plan, Text, Options{}); strings.Contains(got, "\x1b") {
			t.Errorf("an escape character without Color:\n%q", got)
		}
	}
}

func TestColourAddsOnlyColour(t *testing.T) {
	for _, width := range []int{0, 60, 100, 160} {
		for _, plan := range []*wave.Plan{staging(), troubled(), hostile()} {
			plainText := explained(t, plan, Text, Options{Width: width})
			colored := explained(t, plan, Text, Options{Width: width, Color: true})
			if colored == plainText {
				t.Errorf("width %d: no colour at all", width)
			}
			if colorCode.ReplaceAllString(colored, "") != plainText {
				t.Errorf("width %d: coloured text says something else", width)
			}
		}
	}
}

func TestNoTrailingSpaces(t *testing.T) {
	for _, width := range []int{0, 40, 80, 120} {
		for _, plan := range []*wave.Plan{staging(), troubled(), platform(3), {}} {
			for i, line := range strings.Split(explained(t, plan, Text, Options{Width: width}), "\n") {
				if strings.TrimRight(line, " \t") != line {
					t.Errorf("width %d, line %d: %q", width, i+1, line)
				}
			}
		}
	}
}

func TestLinesFitTheTerminal(t *testing.T) {
	for _, width := range []int{80, 100, 140} {
		for _, plan := range []*wave.Plan{staging(), troubled()} {
			for _, line := range strings.Split(explained(t, plan, Text, Options{Width: width}), "\n") {
				if columns(line) > width && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%d columns on a terminal of %d: %q", columns(line), width, line)
				}
			}
		}
	}
}

func TestLongAndWideNamesKeepTheTableAligned(t *testing.T) {
	b := newPlan("ns")
	names := []string{"short", "支付服务", "e\u0301te\u0301", strings.Repeat("long", 30), "🚢"}
	for _, name := range names {
		b.add(0, "workloads", id("", "ConfigMap", "ns", name), wave.Reason{Text: "REASON"}, nil)
		b.add(0, "workloads", id("example.com", strings.Repeat("Kind", 20), "ns", name), wave.Reason{Text: "REASON"}, nil)
	}
	text := explained(t, b.done(), Text, Options{})
	rows := 0
	want := -1
	for _, line := range strings.Split(text, "\n") {
		before, _, found := strings.Cut(line, "REASON")
		if !found {
			continue
		}
		rows++
		if want < 0 {
			want = columns(before)
		}
		if columns(before) != want {
			t.Errorf("the reason starts at column %d, not %d: %q", columns(before), want, line)
		}
	}
	if rows != 2*len(names) {
		t.Errorf("%d rows, want %d:\n%s", rows, 2*len(names), text)
	}
	for _, name := range names {
		if !strings.Contains(text, name) {
			t.Errorf("%q is not there in full", name)
		}
	}
}

func TestDeadlocksComeFirst(t *testing.T) {
	_, text, _ := strings.Cut(explained(t, troubled(), Text, Options{}), "\nFindings\n")
	if deadlock, warning := strings.LastIndex(text, "deadlock: "), strings.Index(text, "warning: "); deadlock < 0 || deadlock > warning {
		t.Errorf("a warning at %d stands before a deadlock at %d:\n%s", warning, deadlock, text)
	}
}

func TestAHookOfAnUnknownPhaseIsShown(t *testing.T) {
	b := newPlan("ns")
	b.hook("PostRollback", 0, id("batch", "Job", "ns", "undo"))
	text := explained(t, b.done(), Text, Options{})
	if !strings.Contains(text, "undo") || !strings.Contains(text, "phase PostRollback") {
		t.Errorf("the hook or its phase is missing:\n%s", text)
	}
}

func TestFieldsAreShortenedWhereTheyAreLongest(t *testing.T) {
	tests := []struct{ name, field, want string }{
		{"short", "spec.scaleTargetRef", "spec.scaleTargetRef"},
		{"pod template", "spec.template.spec.containers[0].envFrom[1].secretRef", "…containers[0].envFrom[1].secretRef"},
		{"CronJob", "spec.jobTemplate.spec.template.spec.serviceAccountName", "…serviceAccountName"},
		{"long", "spec." + strings.Repeat("deep.", 20) + "end", "…" + ("spec." + strings.Repeat("deep.", 20) + "end")[58+3:]},
		{"none", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := shortField(tt.field); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTheReasonNamesItsFieldOnce(t *testing.T) {
	const field = "spec.template.spec.volumes[0].secret"
	edge := &wave.Edge{Field: field}
	for _, text := range []string{"after Secret a", "after Secret a (" + field + ")", "after Secret a (…volumes[0].secret)"} {
		if got, want := reasonText(wave.Reason{Text: text, Edge: edge}), "after Secret a (…volumes[0].secret)"; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTheHeaderKnowsAWaitForTheLastWave(t *testing.T) {
	for gated, want := range map[bool]string{false: "It does not wait for the last.", true: "Because of a hook it waits for the last, too."} {
		plan := staging()
		plan.Waves[len(plan.Waves)-1].Gated = gated
		if got := explained(t, plan, Text, Options{}); !strings.Contains(got, want) {
			t.Errorf("last wave gated: %t, without %q:\n%s", gated, want, got)
		}
	}
}
