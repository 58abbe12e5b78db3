package cmpserver

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
)

// metrics count what the server does.
type metrics struct {
	registry *prometheus.Registry
	bytes    prometheus.Counter
	renders  *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	requests prometheus.Gauge
}

func newMetrics(s *Server, inChild *generate.Limited) *metrics {
	const prefix = "tidegate_plugin_"
	m := &metrics{
		registry: prometheus.NewRegistry(),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "received_bytes_total", Help: "Bytes of archives that Argo CD has sent.",
		}),
		renders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "renders_total",
			Help: "Requests answered with manifests, by where those come from: cache (an earlier render read the same), flight " +
				"(the same was being rendered), render, child (rendered in a process of its own).",
		}, []string{"from"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "request_seconds", Help: "Time from the first message of a request to its answer, by where the manifests come from.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}, []string{"from"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "refusals_total", Help: "Requests answered with an error, by reason; render: the files or the " +
				"Application are at fault; stopped: a render in a process of its own took too much memory or time; no room: the manifests are " +
				"more than this process has memory for, or the request waited too long for it; slow: not everything had come in time.",
		}, []string{"reason"}),
		requests: prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "requests", Help: "Requests that are being received or answered."}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help}, value)
	}
	lookups := func(level string, count *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: prefix + "tree_lookups_total", ConstLabels: prometheus.Labels{"level": level},
			Help: "Trees that requests needed, by how they came by them: checksum (the same archive had come before), outline (it had, and " +
				"of its files only the hashes were left; where that was not enough, it counts as one of the others too), content (another archive had " +
				"held the same files), unpacked (none had, or not enough was left of it).",
		}, func() float64 { return float64(count.Load()) })
	}
	running := func(l *generate.Limited) float64 { all, _ := l.Running(); return float64(all) }
	m.registry.MustRegister(m.bytes, m.renders, m.latency, m.refusals, m.requests,
		lookups("checksum", &s.trees.from.checksum),
		lookups("outline", &s.trees.from.outline),
		lookups("content", &s.trees.from.content),
		lookups("unpacked", &s.trees.from.unpacked),
		gauge("trees", "Unpacked archives in memory.", func() float64 { return float64(s.trees.count()) }),
		gauge("store_bytes", "Memory taken by trees and renders that may be of use again.", func() float64 { return float64(s.trees.store.Bytes()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: prefix + "store_dropped_bytes_total", Help: "Memory of trees and renders that had to go for want of room.",
		}, func() float64 { return float64(s.trees.store.Dropped()) }),
		gauge("running", "Renders that run in this process.", func() float64 { return running(s.inProcess) }),
		gauge("children", "Renders that run in processes of their own.", func() float64 { return running(inChild) }),
		gauge("overdue", "Renders in this process that others no longer wait for.", func() float64 { _, n := s.inProcess.Running(); return float64(n) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, from := range []generate.Source{generate.FromCache, generate.FromFlight, generate.FromRender, generate.FromChild} {
		m.renders.WithLabelValues(string(from))
	}
	return m
}

func (m *metrics) received(bytes int64)  { m.bytes.Add(float64(bytes)) }
func (m *metrics) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }
func (m *metrics) generated(from generate.Source, took time.Duration) {
	m.renders.WithLabelValues(string(from)).Inc()
	m.latency.WithLabelValues(string(from)).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
