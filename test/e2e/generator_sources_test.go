//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/test/controlplane"
)

// Fleets are deleted if this fails: by a cluster Secret that is gone for a moment, by rights, by an outage of Git or of the
// API server, by a mistake in tidegate.yaml, by a folder that somebody has removed. Whatever becomes of the sources, what is
// protected stays, what is not concerned goes on, people are told what to do, and what they do is done.
func TestNothingIsDeletedByAccident(t *testing.T) {
	t.Parallel()
	f := startFleet(t, controlplane.Options{}, environments, map[string][]string{
		"web": both, "ledger": both, "search": both, "mail": both, "alpha": both, "beta": both, "gamma": both, "tools": {"dev"},
	})
	f.untilReported("Synced", "Healthy", "web-staging", "ledger-staging", "search-staging", "mail-staging", "tools-dev")
	f.released("web-production", "ledger-production", "search-production", "mail-production")
	f.parityOf("tools-dev", "mail-staging", "mail-production")
	before := f.uids(kept...)

	f.part("a cluster is relabelled", (*guarded).clusterRelabelled)
	f.part("cluster Secrets cannot be read, and the API server is restarted", (*guarded).secretsForbidden)
	f.part("the repository is gone", (*guarded).noRepository)
	f.part("tidegate.yaml is broken", (*guarded).brokenPlatform)
	f.part("admission sees only a part", (*guarded).partialViews)
	f.part("an environment's Applications are renamed", (*guarded).renamed)
	f.part("the folder of a service is renamed", (*guarded).folderRenamed)
	f.part("tidegate why knows what is not there", (*guarded).absent)
	f.part("an overlay of staging is removed", (*guarded).stagingRemoved)
	f.part("an overlay of production is removed", (*guarded).productionRemoved)
	f.part("a service is removed", (*guarded).serviceRemoved)
	f.part("three services are removed at once", (*guarded).threeRemoved)
	f.part("the repository is rewritten", (*guarded).rewritten)
	f.same(before)
	f.part("a cluster is taken away for good", (*guarded).clusterRemoved)
}

var both = []string{"staging", "production"}

// kept are Applications that stay until the last part.
var kept = []string{"web-staging", "web-production", "ledger-staging", "ledger-production"}

const productionSecret = "cluster-production"

func (f *guarded) clusterRelabelled() {
	seen := f.events()
	audit, err := f.Staging.Audit()
	f.must(err)
	f.label(productionSecret, "drained")
	f.tells(seen, "RemovalHeld", "alpha-production: the labels of the cluster production have changed", "kubectl annotate applicationset "+services)
	f.why("web-production", guard.Held, "the environment production does not select it any more")
	text, err := f.Tidegate.Why(f.Context(), "web-production")
	f.must(err)
	if !containsAll(text, []string{"web-production is held", "To let it go:\n  kubectl annotate applicationset " + services}) {
		f.Errorf("tidegate why does not tell what to do:\n%s", text)
	}
	f.sumsUp(`(?m)^web-production +held +`+services+` +the labels of the cluster production have changed: .*`,
		`(?m)^ledger-production +held +`+services+` +the labels`,
		`(?m)^`+services+`: \d+ of \d+ Applications stay, at revision [0-9a-f]{40}\n  To let go all 7 that are held, with everything that they have delivered: kubectl annotate applicationset `+services+` `)

	// What is not concerned goes on.
	f.add("fresh", "staging")
	f.platform(environments, "  annotations: {example.com/team: platform}")
	f.push("A service, and an annotation for all")
	f.untilReported("Synced", "Healthy", "fresh-staging")
	f.annotated("web-staging", "platform")
	f.untouchedSince(audit, "web-production", "ledger-production", "search-production")

	f.label(productionSecret, "production")
	f.why("web-production", guard.Stays)
	f.annotated("web-production", "platform")
}

// sumsUp waits until tidegate why, without a name, says all of this.
func (f *guarded) sumsUp(patterns ...string) {
	f.Helper()
	f.until(fmt.Sprintf("tidegate why sums up %q", patterns), func(ctx context.Context) error {
		text, err := f.Tidegate.Why(ctx, "")
		if err != nil {
			return err
		}
		for _, pattern := range patterns {
			if !regexp.MustCompile(pattern).MatchString(text) {
				return fmt.Errorf("%s is not in:\n%s", pattern, text)
			}
		}
		return nil
	})
}

// label changes the tier of a cluster.
func (f *guarded) label(secret, tier string) {
	f.Helper()
	object := &corev1.Secret{}
	object.Namespace, object.Name = controlplane.Namespace, secret
	patch := fmt.Sprintf(`{"metadata":{"labels":{"tier":%q}}}`, tier)
	f.must(f.Staging.Patch(f.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch))))
}

// annotated waits until an Application has an annotation of tidegate.yaml.
func (f *guarded) annotated(name, team string) {
	f.Helper()
	f.until(name+" is annotated", func(ctx context.Context) error {
		app, err := f.Application(ctx, name)
		if err != nil {
			return err
		}
		if got := app.Annotations["example.com/team"]; got != team {
			return fmt.Errorf("its annotation is %q, want %q", got, team)
		}
		return nil
	})
}

func (f *guarded) removeClusterSecret() {
	f.Helper()
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = controlplane.Namespace, productionSecret
	f.must(f.Staging.Delete(f.Context(), secret))
}

// secretsForbidden hides what happens to the Secrets meanwhile: one is removed. The repository cannot be read either, for
// want of its credentials.
func (f *guarded) secretsForbidden() {
	seen := f.events()
	f.must(f.ForbidSecrets(f.Context()))
	f.must(f.Staging.RestartAPIServer(f.Context()))
	f.tells(seen, "SourcesInDoubt", "cluster Secrets in the namespace argocd may not be", "bind the Role of manifests/generator-rbac.yaml")
	f.why("web-staging", guard.Frozen, "may not be")
	f.removeClusterSecret()
	f.add("late", "staging")
	f.push("A service that has to wait")
	f.why("late-staging", guard.Absent, "no new Application comes", "may not be")
	f.asks()
	if all, err := f.Applications(f.Context()); err != nil || all["late-staging"].Name != "" {
		f.Errorf("an Application came although the clusters are in doubt: %v", err)
	}

	seen = f.events()
	f.must(f.GrantRole(f.Context()))
	f.tells(seen, "RemovalHeld", "alpha-production: there is no cluster production any more: its cluster Secret is gone")
	f.why("web-production", guard.Held, "its cluster Secret is gone")
	f.untilReported("Synced", "Healthy", "late-staging")
	f.must(f.RegisterClusters(f.Context()))
	f.why("web-production", guard.Stays)
}

func (f *guarded) noRepository() {
	seen := f.events()
	f.must(f.MoveRepository(true))
	f.tells(seen, "SourcesInDoubt", "the repository cannot be read, and is served as it was")
	f.why("web-staging", guard.Frozen, "the repository cannot be read")
	f.sumsUp(`(?m)^` + services + `: \d+ Applications stay as they are, and 0 wait: everything stays as it is, and no new Application comes: .*the repository cannot be read`)
	f.label(productionSecret, "drained")
	f.why("web-production", guard.Frozen)
	f.asks()
	f.label(productionSecret, "production")

	f.must(f.MoveRepository(false))
	f.add("later", "staging")
	f.push("A service after the outage")
	f.untilReported("Synced", "Healthy", "later-staging")
	f.why("web-production", guard.Stays)
}

// brokenPlatform breaks tidegate.yaml with a commit that removes a lot besides.
func (f *guarded) brokenPlatform() {
	seen := f.events()
	f.platform(environments, "  annotation: {example.com/team: platform}")
	f.drop("services/web", "services/search", overlay("mail", "staging"))
	revision := f.push("A mistake")
	f.tells(seen, "SourcesInDoubt", "tidegate.yaml", "annotation")
	f.why("web-production", guard.Frozen, "tidegate.yaml")
	f.served(revision)

	f.platform(environments, "  annotations: {example.com/team: payments}")
	f.add("web", both...)
	f.add("search", both...)
	f.add("mail", "staging")
	f.push("Repaired")
	f.annotated("web-production", "payments")
	f.annotated("mail-staging", "payments")
	f.why("search-staging", guard.Stays)
}

// rewritten first empties the repository, then rewrites its history with an overlay less.
func (f *guarded) rewritten() {
	seen := f.events()
	tree, err := f.Repository.Git("rev-parse", "HEAD")
	f.must(err)
	f.orphan(func() {})
	f.tells(seen, "SourcesInDoubt", "tidegate.yaml is missing at the root of the repository")
	f.why("web-staging", guard.Frozen, "tidegate.yaml is missing")
	f.asks()
	f.nothingElseIsDeleted()

	seen = f.events()
	head := f.orphan(func() {
		_, err := f.Repository.Git("checkout", tree, "--", ".")
		f.must(err)
		f.add("rewritten", "staging")
		f.drop(overlay("late", "staging"))
	})
	f.tells(seen, "SourcesInDoubt", "the branch was rewritten", "--accept-revision "+head)
	f.why("late-staging", guard.Frozen, "--accept-revision "+head)
	f.asks()
	f.nothingElseIsDeleted()

	// A new Pod, whose copy is empty, does not believe it either.
	f.must(f.Tidegate.LoseGenerator(f.Context()))
	f.must(f.Tidegate.StartUnreadGenerator(f.Context()))
	f.until("a new copy is in doubt, too", func(ctx context.Context) error { return f.Tidegate.Doubts(ctx, "--accept-revision "+head) })
	f.asks()
	f.nothingElseIsDeleted()
	f.must(f.Tidegate.RestartGeneratorWith(f.Context(), "--accept-revision="+head))
	f.goes("late-staging")
	f.untilReported("Synced", "Healthy", "rewritten-staging")
}

// orphan pushes a commit without history over what there was.
func (f *guarded) orphan(write func()) string {
	f.Helper()
	for _, command := range [][]string{{"checkout", "--quiet", "--orphan", "anew"}, {"rm", "-r", "--force", "--quiet", "--ignore-unmatch", "."}} {
		_, err := f.Repository.Git(command...)
		f.must(err)
	}
	write()
	for _, command := range [][]string{
		{"add", "--all"}, {"commit", "--quiet", "--allow-empty", "--message", "Anew"}, {"branch", "--quiet", "--force", "--move", "main"},
		{"push", "--quiet", "--force", "origin", "main"},
	} {
		_, err := f.Repository.Git(command...)
		f.must(err)
	}
	head, err := f.Repository.Git("rev-parse", "HEAD")
	f.must(err)
	return head
}

// clusterRemoved lets everything of a cluster go, because a person says so.
func (f *guarded) clusterRemoved() {
	seen, staging := f.events(), f.uids("web-staging", "ledger-staging")
	f.removeClusterSecret()
	event := f.tells(seen, "RemovalHeld", "alpha-production: there is no cluster production any more")
	f.asks()
	f.nothingElseIsDeleted()
	f.must(f.Type(f.Context(), f.command(event.Message)))
	f.goes("alpha-production", "beta-production", "gamma-production", "ledger-production", "web-production")
	f.unacknowledged()
	f.same(staging)
}
