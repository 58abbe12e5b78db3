package supersede

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// Outcome is what came of a look at an Application.
type Outcome string

const (
	Kept       Outcome = "kept"
	Released   Outcome = "released"
	Repeated   Outcome = "repeated"
	Started    Outcome = "started"
	Overlooked Outcome = "overlooked"
	Reported   Outcome = "reported"
	Refreshed  Outcome = "refreshed"
	Failed     Outcome = "failed"
)

// Metrics of a Releaser.
type Metrics struct {
	outcomes *prometheus.CounterVec
	waiting  prometheus.Gauge

	mutex sync.Mutex
	names map[types.NamespacedName]bool
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	const namespace = "tidegate_generator"
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "supersede_total",
			Help: "What was done about sync operations that block a newer revision. kept: left one to go on, because nothing newer changes its files; once for each that outlasts the grace period. released: ended one. repeated: ended it again, because something revived it. started: wrote the newer revision's. overlooked: wrote that of a revision that came during an operation, and that auto-sync overlooks. reported: told a human, because it is not ours to end. refreshed: asked Argo CD to compare with the newest revision. failed: could not decide or write; it is tried again.",
		}, []string{"outcome"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "supersede_waiting",
			Help: "Applications whose newer revision waits behind an operation that only a human may end.",
		}),
		names: map[types.NamespacedName]bool{},
	}
	for _, outcome := range []Outcome{Kept, Released, Repeated, Started, Overlooked, Reported, Refreshed, Failed} {
		m.outcomes.WithLabelValues(string(outcome))
	}
	registerer.MustRegister(m.outcomes, m.waiting)
	return m
}

func (m *Metrics) count(outcome Outcome) {
	m.outcomes.WithLabelValues(string(outcome)).Inc()
}

func (m *Metrics) waits(name types.NamespacedName, waits bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if waits {
		m.names[name] = true
	} else {
		delete(m.names, name)
	}
	m.waiting.Set(float64(len(m.names)))
}
