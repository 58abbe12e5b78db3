package guard_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"k8s.io/client-go/tools/record"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/params"
)

// An on-call engineer is left alone if this fails: whatever keeps Applications from coming or going is an Event, a line of the
// log that says what to do, and a metric.
func TestPeopleAreToldWhatHappensAndWhatToDo(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin func(t *testing.T, w *world, g *guard.Guard)
		// event is the Event's type, reason and beginning; says is what is in it, too.
		event, says, metric string
	}{
		{"new Applications come by and by", func(t *testing.T, w *world, g *guard.Guard) {
			g.Policy.Ramp = 1
			w.answered(t, g)
		}, "Normal ApplicationsAdmitted 2 new Applications come, 2 wait: ", "waits until others of",
			`tidegate_generator_applications_waiting{applicationset="tidegate-services",for="ramp"} `},
		{"a removal is held", func(t *testing.T, w *world, g *guard.Guard) {
			w.answered(t, g)
			w.commit(t, "api")
			w.answered(t, g)
		}, "Warning RemovalHeld 1 held. To let exactly these go: kubectl annotate applicationset tidegate-services", "web-production: services/web/overlays/production is gone",
			`tidegate_generator_applications_held{applicationset="tidegate-services"} 1`},
		{"a removal goes", func(t *testing.T, w *world, g *guard.Guard) {
			w.answered(t, g)
			w.commit(t, "api")
			w.answered(t, g)
		}, "Normal RemovalReleased 1 go:\nweb-staging: ", "the repository shows it", `tidegate_generator_applications_held{`},
		{"the sources are in doubt", func(t *testing.T, w *world, g *guard.Guard) {
			w.answered(t, g)
			w.doubt = "the repository cannot be read: no route to host"
			w.answered(t, g)
		}, "Warning SourcesInDoubt Every Application stays as it is, and no new one comes: ", "no route to host", `tidegate_generator_doubt{applicationset="tidegate-services"} 1`},
		{"nothing can be seen through", func(t *testing.T, w *world, g *guard.Guard) {
			set := *w.set
			set.Spec.Generators = append(set.Spec.Generators, set.Spec.Generators[0])
			w.set = &set
			if _, err := g.Answer(t.Context(), asked); err == nil {
				t.Error("answered")
			}
		}, "Warning AnswerRefused Nothing was answered, so nothing changes: spec.generators has 2 generators", `annotation tidegate.dev/guard: "off"`,
			`tidegate_generator_refusing{applicationset="tidegate-services",kind="partial-view"} 1`},
		{"what is asked for is not there", func(t *testing.T, w *world, g *guard.Guard) {
			request := generator.Request{ApplicationSet: asked.ApplicationSet, Input: params.Input{Kind: params.Services, Services: []string{"apis"}}}
			if _, err := g.Answer(t.Context(), request); err == nil {
				t.Error("answered")
			}
		}, "Warning AnswerRefused Nothing was answered, so nothing changes: input.parameters.services[0]", "did you mean api?",
			`tidegate_generator_refusing{applicationset="tidegate-services",kind="bad-input"} 1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "api", "web")
			events, log := record.NewFakeRecorder(100), &bytes.Buffer{}
			g := w.guard(&said{})
			g.Policy = admission.DefaultPolicy()
			g.Tell = guard.Tell(events, slog.New(slog.NewTextHandler(log, nil)), "argocd")
			test.begin(t, w, g)
			close(events.Events)
			found := false
			for event := range events.Events {
				found = found || strings.HasPrefix(event, test.event) && strings.Contains(event, test.says)
			}
			if reason := strings.Fields(test.event)[1]; !found || !strings.Contains(log.String(), "reason="+reason+" applicationSet=tidegate-services") {
				t.Errorf("no Event %s … %s, or no line of it:\n%s", test.event, test.says, log)
			}
			if metrics := exposed(t, g); !strings.Contains(metrics, test.metric) {
				t.Errorf("no metric %s:\n%s", test.metric, metrics)
			}
		})
	}
}

func TestWhatWaitsForPeopleIsToldAgainBeforeItsEventIsGone(t *testing.T) {
	w, s := newWorld(t, "api", "web"), &said{}
	g := w.guard(s)
	now := time.Now()
	g.Now = func() time.Time { return now }
	w.answered(t, g)
	w.commit(t, "api")
	w.answered(t, g)
	before := len(s.lines)
	for range 60 {
		now = now.Add(time.Minute)
		w.answered(t, g)
	}
	if again := len(s.lines) - before; again != 2 {
		t.Errorf("told %d times in an hour", again)
	}
}

// exposed are a collector's metrics as Prometheus reads them.
func exposed(t *testing.T, collector prometheus.Collector) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(collector); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&out, family); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}
