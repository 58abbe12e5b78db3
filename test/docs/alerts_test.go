package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// rule is what is used of a rule of Prometheus' operator.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations struct {
		Summary     string `json:"summary"`
		Description string `json:"description"`
	} `json:"annotations"`
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var file struct {
		APIVersion string                           `json:"apiVersion"`
		Kind       string                           `json:"kind"`
		Metadata   struct{ Name, Namespace string } `json:"metadata"`
		Spec       struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []rule `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, "manifests/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if file.APIVersion != "monitoring.coreos.com/v1" || file.Kind != "PrometheusRule" || len(file.Spec.Groups) != 1 {
		t.Fatalf("%+v", file)
	}
	return file.Spec.Groups[0].Rules
}

// TestAnAlertIsAboutMetricsThatThereAre: one about another metric never fires. Prometheus' own parser is not among what
// Tidegate is built on, so names and labels are compared.
func TestAnAlertIsAboutMetricsThatThereAre(t *testing.T) {
	known := map[string]metric{}
	for _, m := range metrics(t) {
		known[m.name] = m
	}
	all := alerts(t)
	if len(all) < 6 {
		t.Fatalf("%d alerts", len(all))
	}
	for _, alert := range all {
		labels := []string{"instance"}
		names := regexp.MustCompile(`tidegate_\w+`).FindAllString(alert.Expr, -1)
		if len(names) == 0 {
			t.Errorf("%s is about no metric of Tidegate's: %s", alert.Alert, alert.Expr)
		}
		for _, name := range names {
			m, there := known[name]
			if !there {
				t.Errorf("%s: there is no metric %s", alert.Alert, name)
			}
			labels = append(labels, m.labels...)
		}
		if strings.Count(alert.Expr, "(") != strings.Count(alert.Expr, ")") {
			t.Errorf("%s: %s has parentheses too many", alert.Alert, alert.Expr)
		}
		by := regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`).FindAllStringSubmatch(alert.Expr, -1)
		var kept []string
		for _, match := range by {
			kept = append(kept, strings.Split(match[1], ", ")...)
		}
		for _, label := range kept {
			if !slices.Contains(labels, label) {
				t.Errorf("%s groups by %s, which none of its metrics has", alert.Alert, label)
			}
		}
		said := alert.Annotations.Summary + alert.Annotations.Description
		for _, match := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(said, -1) {
			if !slices.Contains(kept, match[1]) {
				t.Errorf("%s tells of the label %s, which its expression does not keep", alert.Alert, match[1])
			}
		}
	}
}

func TestAnAlertSaysWhatToDo(t *testing.T) {
	for _, alert := range alerts(t) {
		if _, err := time.ParseDuration(alert.For); err != nil || alert.Labels["severity"] == "" {
			t.Errorf("%s: for %q, severity %q", alert.Alert, alert.For, alert.Labels["severity"])
		}
		if alert.Annotations.Summary == "" || len(alert.Annotations.Description) < 80 {
			t.Errorf("%s does not say what to do: %+v", alert.Alert, alert.Annotations)
		}
		if !strings.Contains(read(t, page), "`"+alert.Alert+"`") {
			t.Errorf("%s does not tell of %s", page, alert.Alert)
		}
	}
}
