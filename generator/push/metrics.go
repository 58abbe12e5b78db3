package push

import "github.com/prometheus/client_golang/prometheus"

// Results of looking at an ApplicationSet whose answer may have changed.
const (
	asks     = "asked"
	failed   = "failed"
	noAnswer = "no-answer"
)

type metrics struct {
	pushes   *prometheus.CounterVec
	pending  prometheus.Gauge
	duration prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tidegate_generator", Name: "pushes_total",
			Help: "Refreshes of ApplicationSets by result. asked: Argo CD was asked, repetitions included. failed: the API server refused. no-answer: there would have been no answer.",
		}, []string{"result"}),
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "tidegate_generator", Name: "pushes_pending",
			Help: "ApplicationSets that Argo CD was asked to refresh and that have not asked since. One that stays says that the ApplicationSet controller does not work, or cannot reach this generator.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tidegate_generator", Name: "push_duration_seconds",
			Help:    "From asking Argo CD to refresh an ApplicationSet to its having been answered by this replica.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180, 600},
		}),
	}
	for _, result := range []string{asks, failed, noAnswer} {
		m.pushes.WithLabelValues(result)
	}
	return m
}

// Collectors are the metrics of refreshes.
func (p *Pusher) Collectors() []prometheus.Collector {
	return []prometheus.Collector{p.metrics.pushes, p.metrics.pending, p.metrics.duration}
}
