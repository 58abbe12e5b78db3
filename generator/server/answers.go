package server

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate/tidegate/generator"
	"github.com/tidegate/tidegate/generator/params"
)

// answers are the last ones of each ApplicationSet, for metrics and for telling what is new.
type answers struct {
	sets, findings, last *prometheus.Desc

	mu   sync.Mutex
	byID map[string]lastAnswer
	now  func() time.Time
}

type lastAnswer struct {
	sets     int
	findings []params.Finding
	at       time.Time
}

// An ApplicationSet that has not asked for so long is gone: Argo CD asks every 30 minutes at least, unless told otherwise.
const forgetAfter = 3 * time.Hour

// maxApplicationSets bounds how many are remembered: whoever has the token chooses the names.
const maxApplicationSets = 5000

var findingKinds = []params.FindingKind{params.BrokenOverlay, params.ReadsOutside, params.UnknownCluster, params.VacantEnvironment, params.UndeclaredProtection, params.UnknownName, params.NoOverlay, params.TooMany}

func newAnswers() *answers {
	return &answers{
		sets: prometheus.NewDesc(namespace+"_parameter_sets",
			"Parameter sets, and so Applications, in the last answer to an ApplicationSet.", []string{"applicationset"}, nil),
		findings: prometheus.NewDesc(namespace+"_findings",
			"What was wrong in the last answer to an ApplicationSet and did not stop it, by kind; the log says what.", []string{"applicationset", "kind"}, nil),
		last: prometheus.NewDesc(namespace+"_last_answer_timestamp_seconds",
			"When an ApplicationSet was last answered, in seconds since 1970.", []string{"applicationset"}, nil),
		byID: map[string]lastAnswer{},
		now:  time.Now,
	}
}

// record remembers an answer, and tells which findings the one before did not have, and which it had.
func (a *answers) record(applicationSet string, answer *generator.Answer) (appeared, gone []params.Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, known := a.byID[applicationSet]
	if !known && len(a.byID) >= maxApplicationSets {
		a.forget()
		if len(a.byID) >= maxApplicationSets {
			return answer.Findings, nil
		}
	}
	a.byID[applicationSet] = lastAnswer{answer.Size(), answer.Findings, a.now()}
	return without(answer.Findings, before.findings), without(before.findings, answer.Findings)
}

func without(findings, others []params.Finding) []params.Finding {
	if len(findings) == 0 || slices.Equal(findings, others) {
		return nil
	}
	known := make(map[params.Finding]bool, len(others))
	for _, other := range others {
		known[other] = true
	}
	return slices.DeleteFunc(slices.Clone(findings), func(f params.Finding) bool { return known[f] })
}

func (a *answers) forget() {
	limit := a.now().Add(-forgetAfter)
	for name, answer := range a.byID {
		if answer.at.Before(limit) {
			delete(a.byID, name)
		}
	}
}

// Describe is prometheus.Collector's.
func (a *answers) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- a.sets
	descriptions <- a.findings
	descriptions <- a.last
}

// Collect is prometheus.Collector's.
func (a *answers) Collect(metrics chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget()
	for name, answer := range a.byID {
		metrics <- prometheus.MustNewConstMetric(a.sets, prometheus.GaugeValue, float64(answer.sets), name)
		metrics <- prometheus.MustNewConstMetric(a.last, prometheus.GaugeValue, float64(answer.at.UnixMilli())/1000, name)
		counts := map[params.FindingKind]int{}
		for _, finding := range answer.findings {
			counts[finding.Kind]++
		}
		for _, kind := range findingKinds {
			metrics <- prometheus.MustNewConstMetric(a.findings, prometheus.GaugeValue, float64(counts[kind]), name, string(kind))
		}
	}
}
