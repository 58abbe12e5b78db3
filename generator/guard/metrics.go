package guard

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate/tidegate/generator/admission"
)

const prefix = "tidegate_generator_"

var (
	byApplicationSet = []string{"applicationset"}
	heldDesc         = prometheus.NewDesc(prefix+"applications_held", "Applications that nothing demands any more and that stay, in the last answer; the ApplicationSet's Events say why.", byApplicationSet, nil)
	waitingDesc      = prometheus.NewDesc(prefix+"applications_waiting", "New Applications that the last answer did not let in yet, by what they wait for.", []string{"applicationset", "for"}, nil)
	admittedDesc     = prometheus.NewDesc(prefix+"applications_admitted", "New Applications that the last answer let in.", byApplicationSet, nil)
	doubtDesc        = prometheus.NewDesc(prefix+"doubt", "1 while every Application of an ApplicationSet stays as it is because repository or fleet are in doubt.", byApplicationSet, nil)
	refusingDesc     = prometheus.NewDesc(prefix+"refusing", "1 while an ApplicationSet gets no answer, by why; nothing changes then.", []string{"applicationset", "kind"}, nil)
)

var waitingKinds = []admission.WaitingKind{
	admission.ForOthers, admission.ForEarlier, admission.ForPredecessor, admission.ForOwner, admission.ForProject,
}

// Describe is prometheus.Collector's.
func (g *Guard) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{heldDesc, waitingDesc, admittedDesc, doubtDesc, refusingDesc} {
		descriptions <- description
	}
}

// Collect is prometheus.Collector's.
func (g *Guard) Collect(metrics chan<- prometheus.Metric) {
	all := g.Reports()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := all[name]
		gauge := func(description *prometheus.Desc, value float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, append([]string{name}, labels...)...)
		}
		gauge(heldDesc, float64(len(r.Held)))
		gauge(admittedDesc, float64(len(r.Admitted)))
		gauge(doubtDesc, number(r.Doubt != ""))
		if r.Refused != "" {
			gauge(refusingDesc, 1, string(r.Kind))
		}
		counts := map[admission.WaitingKind]int{}
		for _, waiting := range r.Waiting {
			counts[waiting.Kind]++
		}
		for _, kind := range waitingKinds {
			gauge(waitingDesc, float64(counts[kind]), string(kind))
		}
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
