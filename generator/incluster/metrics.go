package incluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const prefix = "tidegate_generator_"

var (
	contactDesc  = prometheus.NewDesc(prefix+"source_contact_timestamp_seconds", "When a source last confirmed what is known of it, in seconds since 1970.", []string{"source"}, nil)
	doubtDesc    = prometheus.NewDesc(prefix+"source_in_doubt", "1 while what is known of a source may not be the truth; readiness says why.", []string{"source"}, nil)
	revisionDesc = prometheus.NewDesc(prefix+"revision_info", "Always 1; the label is the revision that answers are made from.", []string{"revision"}, nil)
)

// sources are metrics of what answers are made from.
type sources struct{ *Generator }

// Describe is prometheus.Collector's.
func (s sources) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- contactDesc
	descriptions <- doubtDesc
	descriptions <- revisionDesc
}

// Collect is prometheus.Collector's.
func (s sources) Collect(metrics chan<- prometheus.Metric) {
	source := func(name string, contact time.Time, doubt string) {
		if !contact.IsZero() {
			metrics <- prometheus.MustNewConstMetric(contactDesc, prometheus.GaugeValue, float64(contact.UnixMilli())/1000, name)
		}
		in := 0.0
		if doubt != "" {
			in = 1
		}
		metrics <- prometheus.MustNewConstMetric(doubtDesc, prometheus.GaugeValue, in, name)
	}
	clusters := s.fleet.State()
	source("clusters", clusters.Contact, clusters.Doubt)
	applications := s.live.State()
	source("applications", applications.Contact, applications.Doubt)
	if s.mirror == nil {
		return
	}
	repository := s.mirror.State()
	source("repository", repository.Contact, repository.Doubt)
	if repository.Revision != "" {
		metrics <- prometheus.MustNewConstMetric(revisionDesc, prometheus.GaugeValue, 1, repository.Revision)
	}
}
