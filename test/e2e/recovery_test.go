//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/test/controlplane"
)

// recovery loses everything of Argo CD, the generator with its mirror and the plugin too, installs it anew and applies the
// root, and nothing else.
func (s *suite) recovery() {
	before := s.essentials()
	pods, audits := map[*controlplane.Cluster]map[string]string{}, map[*controlplane.Cluster]*controlplane.Audit{}
	for _, cluster := range []*controlplane.Cluster{s.Staging, s.Production} {
		audit, err := cluster.Audit()
		s.must(err)
		pods[cluster], audits[cluster] = s.workloads(cluster), audit
	}
	generator, plugin := s.Tidegate.Generator, s.Tidegate.Plugin
	s.must(s.LoseArgoCD(s.Context()))
	s.must(s.ReinstallArgoCD(s.Context()))
	if s.Tidegate.Generator == generator || s.Tidegate.Plugin == plugin {
		s.Fatal("generator and plugin have outlived Argo CD")
	}
	if left := s.essentials(); len(left) > 0 {
		s.Fatalf("Applications have outlived Argo CD: %v", slices.Sorted(maps.Keys(left)))
	}

	s.must(s.ApplyRoot(s.Context()))
	s.until("the same Applications are there again", func(ctx context.Context) error {
		now, err := s.readEssentials(ctx)
		if err != nil {
			return err
		}
		return differ(before, now)
	})
	s.untilReported("Synced", "Healthy", slices.Sorted(maps.Keys(before))...)
	for _, name := range inProduction {
		if state := s.application(name).Status.OperationState; state != nil {
			s.Errorf("%s was synced with nobody asking for it: %+v", name, state)
		}
	}
	for cluster, audit := range audits {
		s.untouched(cluster, audit, pods[cluster])
	}
}

// differ tells where Applications differ.
func differ(before, after any) error {
	if diff := cmp.Diff(before, after, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(v1alpha1.ApplicationDestination{})); diff != "" {
		return fmt.Errorf("(-before +after):\n%s", diff)
	}
	return nil
}

// essentials are all Applications as the platform wants them.
func (s *suite) essentials() map[string]v1alpha1.Application {
	s.Helper()
	all, err := s.readEssentials(s.Context())
	s.must(err)
	return all
}

func (s *suite) readEssentials(ctx context.Context) (map[string]v1alpha1.Application, error) {
	all, err := s.Applications(ctx)
	for name, app := range all {
		all[name] = essential(app)
	}
	return all, err
}
