//go:build e2e

package e2e

import (
	"context"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/test/controlplane"
)

// stagingRemoved is shown by Git, within the limit: it needs nobody.
func (f *guarded) stagingRemoved() {
	seen := f.events()
	f.drop(overlay("mail", "staging"))
	revision := f.push("mail leaves staging")
	f.goes("mail-staging")
	f.tells(seen, "RemovalReleased", "mail-staging: "+overlay("mail", "staging")+" is gone at revision "+revision)
	f.deliveredNoMore(f.Staging, "fleet-staging", "mail")
	f.why("mail-staging", guard.Absent, "services/mail has no overlay for the environment staging: there is no "+overlay("mail", "staging"))
}

// deliveredNoMore waits until what a service has delivered is gone.
func (f *guarded) deliveredNoMore(cluster *controlplane.Cluster, namespace, name string) {
	f.Helper()
	f.until("what "+name+" delivered to "+namespace+" is gone", func(ctx context.Context) error {
		err := cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &corev1.ConfigMap{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("the ConfigMap is there")
		}
		return err
	})
}

func (f *guarded) delivered(cluster *controlplane.Cluster, namespace, name string) types.UID {
	f.Helper()
	delivered := &corev1.ConfigMap{}
	f.must(cluster.Get(f.Context(), client.ObjectKey{Namespace: namespace, Name: name}, delivered))
	return delivered.UID
}

// productionRemoved is held until it is acknowledged, once: the same words let nothing go later on.
func (f *guarded) productionRemoved() {
	seen := f.events()
	f.drop(overlay("mail", "production"))
	f.served(f.push("mail leaves production"))
	f.tells(seen, "RemovalHeld", "mail-production: "+overlay("mail", "production")+" is gone", "held, since the environment production is protected")
	f.nothingElseIsDeleted()
	said := f.why("mail-production", guard.Held, overlay("mail", "production")+" is gone", "the environment production is protected").Do
	seen = f.events()
	f.must(f.Type(f.Context(), said))
	f.goes("mail-production")
	f.tells(seen, "RemovalReleased", "mail-production", "its removal is acknowledged")
	f.deliveredNoMore(f.Production, "fleet-production", "mail")
	f.unacknowledged()

	f.add("mail", "production")
	f.push("mail is back")
	f.released("mail-production")
	anew := f.uids("mail-production")
	f.drop(overlay("mail", "production"))
	f.served(f.push("mail leaves production again"))
	again := f.why("mail-production", guard.Held).Do
	if said == again {
		f.Fatalf("two removals are acknowledged by the same words: %s", said)
	}
	f.must(f.Type(f.Context(), said))
	f.unacknowledged()
	f.asks()
	f.same(anew)
	f.must(f.Type(f.Context(), again))
	f.goes("mail-production")
	f.unacknowledged()
}

func (f *guarded) serviceRemoved() {
	f.drop("services/search")
	f.served(f.push("search is gone"))
	f.goes("search-staging")
	said := f.why("search-production", guard.Held, "is gone at revision", "protected").Do
	f.nothingElseIsDeleted()
	f.must(f.Type(f.Context(), said))
	f.goes("search-production")
}

// threeRemoved looks like an accident, in staging too; and it was one.
func (f *guarded) threeRemoved() {
	seen := f.events()
	names := []string{"alpha-staging", "alpha-production", "beta-staging", "beta-production", "gamma-staging", "gamma-production"}
	before := f.uids(names...)
	f.drop("services/alpha", "services/beta", "services/gamma")
	f.served(f.push("Three services are gone"))
	f.tells(seen, "RemovalHeld", "6 held", "alpha-staging: "+overlay("alpha", "staging")+" is gone")
	f.why("gamma-staging", guard.Held, "3 at once of", "are more than the limit of 1")
	f.nothingElseIsDeleted()
	for _, name := range []string{"alpha", "beta", "gamma"} {
		f.add(name, both...)
	}
	f.served(f.push("They are back"))
	f.why("gamma-staging", guard.Stays)
	f.same(before)
}

// renamed names the Applications of an environment after the cluster too: Argo CD would delete what they deliver.
func (f *guarded) renamed() {
	seen := f.events()
	delivered := f.delivered(f.Staging, "fleet-dev", "tools")
	f.platform(renamedEnvironments)
	f.served(f.push("Other names"))
	f.tells(seen, "RemovalHeld", "tools-dev: it is to be named tools-dev-staging", "argocd app delete tools-dev --cascade=false")
	f.why("tools-dev", guard.Held, "argocd app delete tools-dev --cascade=false")
	f.why("tools-dev-staging", guard.Waits, "waits until tools-dev, which has its resources, is gone")
	f.nothingElseIsDeleted()
	f.goesWithoutItsResources("tools-dev", "tools-dev-staging")
	f.untilReported("Synced", "Healthy", "tools-dev-staging")
	f.parityOf("tools-dev-staging")
	if now := f.delivered(f.Staging, "fleet-dev", "tools"); now != delivered {
		f.Errorf("what tools delivers was deleted with the old name")
	}
}

// folderRenamed gives the folder of a service another name, in a namespace that it shares. What it delivers stays as it is: the
// old name would be deleted with it.
func (f *guarded) folderRenamed() {
	seen, before := f.events(), f.uids("alpha-staging")
	f.add("alpha2", "staging")
	f.must(f.Repository.Write(overlay("alpha2", "staging")+"/configmap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: alpha}\n"))
	f.drop(overlay("alpha", "staging"))
	f.served(f.push("alpha is alpha2"))
	f.tells(seen, "RemovalHeld", "alpha-staging: it is to be named alpha2-staging", "argocd app delete alpha-staging --cascade=false")
	f.why("alpha2-staging", guard.Waits, "waits until alpha-staging, which has its resources, is gone")
	f.nothingElseIsDeleted()
	f.drop("services/alpha2")
	f.add("alpha", "staging")
	f.served(f.push("alpha is alpha again"))
	f.why("alpha-staging", guard.Stays)
	f.same(before)
}

// goesWithoutItsResources does what argocd app delete --cascade=false does until the successor comes: the ApplicationSet
// controller, which has its answer from before, may make the old name anew in between. Where it has put the finalizer back,
// this waits for a better moment.
func (f *guarded) goesWithoutItsResources(name, successor string) {
	f.Helper()
	*f.may = append(*f.may, name)
	f.until(name+" gives way to "+successor, func(ctx context.Context) error {
		if _, err := f.Application(ctx, successor); err == nil || !apierrors.IsNotFound(err) {
			return err
		}
		app := &v1alpha1.Application{}
		app.Namespace, app.Name = controlplane.Namespace, name
		err := f.Staging.Patch(ctx, app, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
		if err == nil {
			err = f.Staging.Delete(ctx, app, client.Preconditions{ResourceVersion: &app.ResourceVersion})
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return controlplane.Never(err)
		}
		return fmt.Errorf("%s was deleted, and %s is not there", name, successor)
	})
}

const renamedEnvironments = `
  - name: dev
    applicationName: "{service}-{environment}-{cluster}"
    clusterSelector: {matchLabels: {tier: nonproduction}}
  - name: staging
    clusterSelector: {matchLabels: {tier: nonproduction}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
    syncPolicy: {syncOptions: [CreateNamespace=true]}
`

// absent asks for what is not there, and for what waits for something of a person's.
func (f *guarded) absent() {
	f.why("web-stagign", guard.Absent, `did you mean web-staging?`)
	f.why("web-dev-staging", guard.Absent, "services/web has no overlay for the environment dev: there is no "+overlay("web", "dev"))
	f.why("web-staging", guard.Stays, "is in the repository at revision", "the environment staging selects the cluster staging by tier=nonproduction")

	f.add("homeless", "staging")
	f.platform(renamedEnvironments, "services: {homeless: {project: homes}}")
	f.served(f.push("A service whose project is missing"))
	f.why("homeless-staging", guard.Waits, "homeless-staging waits for the AppProject homes, which does not exist")
	project := &v1alpha1.AppProject{}
	project.Namespace, project.Name = controlplane.Namespace, "homes"
	project.Spec = v1alpha1.AppProjectSpec{SourceRepos: []string{"*"}, Destinations: []v1alpha1.ApplicationDestination{{Server: "*", Namespace: "*"}},
		ClusterResourceWhitelist: []metav1.GroupKind{{Group: "*", Kind: "*"}}}
	f.must(f.Staging.Create(f.Context(), project))
	f.untilReported("Synced", "Healthy", "homeless-staging")
	f.parityOf("homeless-staging")
}

// partialViews are ApplicationSets of which nobody can tell from an answer what becomes of it.
func (f *guarded) partialViews() {
	for _, partial := range []struct {
		name, error string
		change      func(generator map[string]any) map[string]any
	}{
		{"matrix", "spec.generators[0].matrix combines parameter sets with others. Use the plugin generator alone", func(plugin map[string]any) map[string]any {
			shards := map[string]any{"list": map[string]any{"elements": []any{map[string]any{"shard": "a"}}}}
			return map[string]any{"matrix": map[string]any{"generators": []any{shards, plugin}}}
		}},
		{"selector", "spec.generators[0].selector drops parameter sets after they were answered. Narrow input.parameters", func(plugin map[string]any) map[string]any {
			plugin["selector"] = map[string]any{"matchLabels": map[string]any{"tidegate.service": "alpha"}}
			return plugin
		}},
	} {
		set := f.partial(partial.name, partial.change)
		f.must(f.Staging.Create(f.Context(), set))
		f.must(f.GenerateInVain(f.Context(), set.GetName(), partial.error))
		app := "alpha-production-" + partial.name
		if all, err := f.Applications(f.Context()); err != nil || all[app].Name != "" {
			f.Fatalf("%s was made although nobody guards it: %v", app, err)
		}

		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"tidegate.dev/guard":"off"}}}`))
		f.must(f.Staging.Patch(f.Context(), set, patch))
		f.comes(app)
		f.must(f.Staging.Delete(f.Context(), set))
		f.goes(app)
	}
}

// partial is an ApplicationSet for alpha in production, whose generator is another one than the one that is shipped.
func (f *guarded) partial(name string, change func(map[string]any) map[string]any) *controlplane.Object {
	f.Helper()
	set := f.shipped()
	set.SetName("partial-" + name)
	generators := set.Object["spec"].(map[string]any)["generators"].([]any)
	plugin := generators[0].(map[string]any)
	plugin["plugin"].(map[string]any)["input"] = map[string]any{"parameters": map[string]any{"services": []any{"alpha"}, "environments": []any{"production"}}}
	generators[0] = change(plugin)
	template := set.Object["spec"].(map[string]any)["template"].(map[string]any)
	template["metadata"].(map[string]any)["name"] = "{{ .tidegate.name }}-" + name
	return set
}
