//go:build e2e

package e2e

import (
	"sync"
	"testing"

	"github.com/tidegate/tidegate/test/controlplane"
)

// What waves do on a real cluster. The scenarios run at the same time, on one control plane, in namespaces of their own.
func TestWaves(t *testing.T) {
	t.Parallel()
	// Operators are slow, so that it is seen what does not wait for them.
	s := start(t, controlplane.Options{StagingOnly: true, OperatorDelay: operatorDelay, GeneratorArgs: []string{"--supersede-grace=3s"}})
	s.must(s.Staging.InstallCRDs(t.Context()))
	s.must(s.Repository.Copy("testdata/repository"))
	s.must(s.Repository.Replace("\n# In the order in which", "\nservices: {web: {project: default}}\n\n# In the order in which"))
	s.must(s.DefaultProject(t.Context()))
	s.push("What the scenarios deliver")
	scenarios := map[string]func(*testing.T){}
	for name, scenario := range map[string]func(*suite){"Order": order, "Deletion": deletion, "StuckRollout": stuckRollout} {
		scenarios[name] = func(t *testing.T) { scenario(newSuite(t, s.Stack)) }
	}
	together(t, scenarios)
}

// together runs tests at the same time, within the turn of the one that they belong to. With t.Parallel that one's turn would be
// over: its control plane would run on while they wait for turns of their own, and others would start theirs beside it.
func together(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	var group sync.WaitGroup
	for name, test := range tests {
		group.Go(func() { t.Run(name, test) })
	}
	group.Wait()
}
