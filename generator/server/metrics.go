package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "tidegate_generator"

// metrics have a registry of their own: imported packages put theirs into the default one.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	rendered prometheus.Counter
	inFlight prometheus.Gauge
	answers  *answers
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "requests_total",
			Help: "Requests of ApplicationSets by HTTP status. 200: a full answer was sent. 409: repository and clusters do not fit together. 499: the client left. 503: something is not known.",
		}, []string{"code"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "request_duration_seconds",
			Help:    "How long requests took, from the first byte received to the last byte sent.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		rendered: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "overlays_rendered_total",
			Help: "Overlays that had to be rendered to know their Applications. An unchanged repository adds none.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "requests_in_flight", Help: "Requests that are being answered.",
		}),
		answers: newAnswers(),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the label says which version this is.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.rendered, m.inFlight, m.answers, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) observe(said *said) {
	m.requests.WithLabelValues(strconv.Itoa(said.status)).Inc()
	m.duration.Observe(said.took.Seconds())
	if said.answer != nil {
		m.rendered.Add(float64(said.answer.Rendered))
	}
}
