//go:build e2e

package e2e

import (
	"testing"

	"github.com/tidegate/tidegate/test/controlplane"
)

// What waves do on a real cluster. The scenarios run at the same time, on one control plane, in namespaces of their own.
func TestWaves(t *testing.T) {
	t.Parallel()
	s := start(t, controlplane.Options{GeneratorArgs: []string{"--supersede-grace=3s"}})
	s.must(s.Staging.InstallCRDs(t.Context()))
	s.must(s.Repository.Copy("testdata/repository"))
	s.must(s.Repository.Replace("\n# In the order in which", "\nservices: {web: {project: default}}\n\n# In the order in which"))
	s.must(s.DefaultProject(t.Context()))
	s.push("What the scenarios deliver")
	for name, scenario := range map[string]func(*suite){"Order": order, "Deletion": deletion, "StuckRollout": stuckRollout} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(newSuite(t, s.Stack))
		})
	}
}
