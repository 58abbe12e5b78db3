//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/sets"
)

// waveDelay is how long Argo CD waits at least between what it applies in two waves.
const waveDelay = 2 * time.Second

var (
	loggedAt = regexp.MustCompile(`^time="([^"]+)"`)
	noKind   = regexp.MustCompile(`no matches for kind \\"(\w+)\\" in version \\"([^/]+)/`)
)

// forgive takes for a first attempt what was tried again only because the discovery of Argo CD's kubectl missed a kind that the
// API server had served for longer than a wave is apart from the next. It asks for each API group by itself and leaves out
// what a busy API server does not answer; no order of waves can help that. Where a kind comes with what needs it, its definition
// is as old as the attempt.
func (t *trials) forgive(all []sets.Set) {
	for _, set := range all {
		for _, order := range t.orders {
			name := set.Name + "-" + order.name
			if out := t.outcomes[name]; out.kind == afterRetries && t.discoveryMissed(name, order.cluster) {
				t.Logf("%s: %s, as discovery missed a kind that had been there", name, out)
				out.kind, out.retries = firstAttempt, 0
				t.outcomes[name] = out
			}
		}
	}
}

// discoveryMissed tells whether all that could not be applied for an Application was of kinds that had been there.
func (t *trials) discoveryMissed(app string, cluster *controlplane.Cluster) bool {
	content, err := os.ReadFile(filepath.Join(t.Dir, "logs", "argocd-application-controller.log"))
	t.must(err)
	var definitions apiextensionsv1.CustomResourceDefinitionList
	t.must(cluster.List(t.Context(), &definitions))
	missed := 0
	for line := range strings.Lines(string(content)) {
		if !strings.Contains(line, `msg="Apply failed"`) || !strings.Contains(line, " application=argocd/"+app+" ") {
			continue
		}
		at, kind := loggedAt.FindStringSubmatch(line), noKind.FindStringSubmatch(line)
		if at == nil || kind == nil || !served(definitions.Items, kind[1], kind[2], at[1]) {
			return false
		}
		missed++
	}
	return missed > 0
}

// served tells whether a kind had been defined for longer than the delay of a wave, at a time.
func served(definitions []apiextensionsv1.CustomResourceDefinition, kind, group, at string) bool {
	then, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return false
	}
	for _, definition := range definitions {
		if definition.Spec.Group == group && definition.Spec.Names.Kind == kind {
			return then.Sub(definition.CreationTimestamp.Time) >= waveDelay // both are of whole seconds
		}
	}
	return false
}
