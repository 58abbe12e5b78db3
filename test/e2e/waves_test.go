//go:build e2e

package e2e

import (
	"sync"
	"testing"

	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
)

// What waves do on a real cluster. The scenarios run at the same time, on one control plane, in namespaces of their own. Only what
// delivers a CustomResourceDefinition comes when nothing else waits for the health of what it has just changed: Argo CD takes that
// for as healthy as it was for as long as it reads the API of the cluster anew.
func TestWaves(t *testing.T) {
	t.Parallel()
	// Operators are slow, so that it is seen what does not wait for them.
	s := start(t, controlplane.Options{
		StagingOnly: true, Operators: []string{simulate.AllGroups}, OperatorDelay: operatorDelay, GeneratorArgs: []string{"--supersede-grace=3s"},
	})
	s.must(s.Repository.Copy("testdata/repository"))
	s.must(s.Repository.Replace("\n# In the order in which", "\nservices: {web: {project: default}}\n\n# In the order in which"))
	s.must(s.DefaultProject(t.Context()))
	s.push("What the scenarios deliver")
	var undisturbed sync.WaitGroup
	undisturbed.Add(2)
	waits := sync.OnceFunc(undisturbed.Done)
	together(
		func() {
			defer undisturbed.Done() // also if -run leaves it out
			t.Run("Order", func(t *testing.T) { order(newSuite(t, s.Stack)) })
		},
		func() {
			defer waits()
			t.Run("StuckRollout", func(t *testing.T) { stuckRollout(newSuite(t, s.Stack), waits) })
		},
		func() {
			undisturbed.Wait()
			t.Run("Deletion", func(t *testing.T) { deletion(newSuite(t, s.Stack)) })
		},
	)
}

// together runs parts of a test at the same time, within the turn of that test. With t.Parallel its turn would be over: its control
// plane would run on while they wait for turns of their own, and others would start theirs beside it.
func together(parts ...func()) {
	var group sync.WaitGroup
	for _, part := range parts {
		group.Go(part)
	}
	group.Wait()
}
