//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/sets"
)

// attempts is the table for people who run the suite.
func (t *trials) attempts(all []sets.Set) string {
	var out strings.Builder
	for _, set := range all {
		fmt.Fprintln(&out, set.Name)
		for _, order := range t.orders {
			got := t.outcomes[set.Name+"-"+order.name]
			fmt.Fprintf(&out, "  %-10s %s", order.name, got)
			if got.forgiven > 0 {
				fmt.Fprintf(&out, ", but for %s: discovery missed a kind that had been there", counted(got.forgiven))
			}
			if len(got.waited) > 0 {
				fmt.Fprintf(&out, "; pods waited for %s", strings.Join(got.waited, ", "))
			}
			fmt.Fprintln(&out)
		}
	}
	return out.String()
}

// headings of the orders.
var headings = map[string]string{"planned": "Tidegate", "unplanned": "no waves", "by-hand": "a wave for each kind"}

// document is the table for readers: only what is the same on every machine.
func (t *trials) document(all []sets.Set) string {
	var out strings.Builder
	fmt.Fprintf(&out, intro, t.versionOfArgoCD())
	for _, set := range all {
		fmt.Fprintf(&out, "| [%s](../test/sets/%s.yaml) | %s |", set.Name, set.Name, linked(set.About))
		var waited []string
		for _, order := range t.orders {
			got := t.outcomes[set.Name+"-"+order.name]
			fmt.Fprintf(&out, " %s |", strings.ReplaceAll(cell(set, order, got), "|", `\|`))
			if len(got.waited) > 0 {
				waited = append(waited, headings[order.name]+": for "+strings.Join(got.waited, ", "))
			}
		}
		if waited == nil {
			waited = []string{"none"}
		}
		fmt.Fprintf(&out, " %s |\n", strings.Join(waited, "; "))
	}
	out.WriteString("\n" + race)
	return out.String()
}

// cell is what came of a set in an order. Where a sync races with the API server, whether it has won is left out, and how
// many retries it had: the next run may tell otherwise. The suite prints both.
func cell(set sets.Set, order ordering, got outcome) string {
	switch {
	case got.kind == stuck:
		return got.String()
	case order.name == "unplanned" && slices.Contains(racing, set.Name):
		return firstAttempt + " or " + afterRetries + "[^1]"
	}
	return got.kind
}

const race = `[^1]: A race: custom resources are refused unless the API server has yet to notice the webhook that was applied a moment before.
`

const intro = `# At the first attempt

Sets of manifests that people report trouble with, each synced as one Application into an empty namespace of a real cluster,
by Argo CD %s: with Tidegate's waves, with none (Argo CD's own order of kinds), and with a wave for each kind, as people
number them by hand. The clusters have a ClusterSecretStore and the CRDs of external-secrets and cert-manager beforehand; any
other operator comes with its set, or has come with one before. ` + "`make e2e`" + ` makes this table, and fails when it is out of date.

*First attempt* is an operation that succeeds without a retry; one does not count for which Argo CD's kubectl missed a kind that
the API server had served for two seconds. Without waves it only says that everything was accepted: Argo CD waits for nothing
then. *Retries* need a ` + "`syncPolicy.retry`" + `. *Stuck* is an operation that does not end, or whose retries all
fail. All workloads of the others ran in the end.

*Pods that waited* were started before a Secret or a ConfigMap that they name was there: a kubelet said
` + "`CreateContainerConfigError` or `FailedMount`" + ` of them. Operators take two seconds for a step here, and pods less to
start. Where a Secret is made only of what waits for its pods they have to be started first; ` + "`tidegate plan`" + ` warns of it.

| set | what it is | Tidegate | no waves | a wave for each kind | pods that waited |
|---|---|---|---|---|---|
`

var report = regexp.MustCompile(`([\w.-]+/[\w.-]+)#(\d+)`)

// versionOfArgoCD is that of our go.mod, which is that of the servers.
func (s *suite) versionOfArgoCD() string {
	s.Helper()
	dir, err := controlplane.ModuleFolder(s.Context(), "github.com/argoproj/argo-cd/v2")
	s.must(err)
	_, version, found := strings.Cut(filepath.Base(dir), "@v")
	if !found {
		s.Fatalf("%s is not the folder of a version", dir)
	}
	return version
}

// linked makes links of the reports that a text names.
func linked(text string) string {
	return report.ReplaceAllString(text, "[$0](https://github.com/$1/issues/$2)")
}
