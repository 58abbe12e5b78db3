//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/test/controlplane"
)

// A user loses a namespace to objects that nobody can delete any more if this fails: Argo CD deletes the waves backwards,
// so an operator outlives its custom resources. Without waves it goes first, and what only it lets go stays for ever.
func deletion(s *suite) {
	claimFirst := s.deliveredWithClaimFirst("deletion-claim-first")
	planned := s.delivered("deletion-planned", nil)
	unplanned := s.delivered("deletion-unplanned", withoutWaves)

	s.parityOf("deletion-planned", "deletion-unplanned")

	s.must(s.Staging.Delete(s.Context(), s.application("deletion-claim-first")))
	s.first(claimFirst, "the deletion of a claim that goes first", isClaim, deleting)
	app := s.application("deletion-planned")
	s.must(s.Staging.Delete(s.Context(), app))
	s.untilGone("Application deletion-planned", app)
	operator := s.first(planned, "the operator's deletion", isOperator, deleting)
	claim := s.first(planned, "the claim's deletion", isClaim, deleting)
	for _, widget := range []string{"first", "second"} {
		gone := s.first(planned, "the end of Widget "+widget, named("Widget", widget), gone)
		for _, asked := range []controlplane.Change{operator, claim} {
			if gone.At > asked.At {
				s.Errorf("%s, after Argo CD had asked for what goes next (%s)", gone, asked)
			}
		}
	}
	s.claimWithItsPods(planned)
	s.claimWaits(claimFirst)

	// Here nothing ever removes the finalizers again, and the Application waits for them.
	s.must(s.Staging.Delete(s.Context(), s.application("deletion-unplanned")))
	s.first(unplanned, "the end of the operator", isOperator, gone)
	s.first(unplanned, "the claim's deletion", isClaim, deleting)
	left := &unstructured.UnstructuredList{}
	left.SetGroupVersionKind(widgetOf("deletion-unplanned"))
	s.must(s.Staging.List(s.Context(), left))
	if len(left.Items) == 0 {
		s.Error("without waves the operator and the claim shall be asked for before its custom resources are gone, or this test would not notice if waves had no effect")
	}
}

// claimWithItsPods checks that a claim ends after its pods, which is Kubernetes' doing, and that Argo CD asks for its deletion and
// for that of the Deployment that uses it in one go, between which nothing ends. Waves could have the claim go first, alone: then
// neither would ever end, as claimWaits shows.
func (s *suite) claimWithItsPods(history *controlplane.History) {
	s.Helper()
	claim := s.first(history, "the claim's deletion", isClaim, deleting)
	store := s.first(history, "the deletion of what uses the claim", isStore, deleting)
	between, err := history.Changes(func(c controlplane.Change) bool { return gone(c) && claim.At < c.At && c.At < store.At })
	if err != nil || len(between) > 0 {
		s.Errorf("%s, then %v, then %s: %v", claim, between, store, err)
	}
	pod, end := s.first(history, "the end of the store's pod", isStorePod, gone), s.first(history, "the end of the claim", isClaim, gone)
	if end.At < pod.At {
		s.Errorf("%s, before %s", end, pod)
	}
}

// claimWaits checks that a claim that goes first has not ended, and that Argo CD has not asked for anything else: although the
// deletion of another Application, which began later, is over.
func (s *suite) claimWaits(history *controlplane.History) {
	s.Helper()
	others, err := history.Changes(func(c controlplane.Change) bool { return isClaim(c) && gone(c) || !isClaim(c) && deleting(c) })
	if err != nil || len(others) > 0 {
		s.Errorf("a claim that goes first shall keep everything, or this test would not notice if waves had it go first: %v, %v", others, err)
	}
}

// withoutWaves has the plugin plan nothing.
var withoutWaves = map[string]string{"waves": "off"}

// deliveredWithClaimFirst delivers the same, and then gives the claim a later wave than the rest, so that it is deleted first.
// A sync in that order would never come to the claim: the pods that need it are in an earlier wave.
func (s *suite) deliveredWithClaimFirst(name string) *controlplane.History {
	history := s.delivered(name, withoutWaves)
	claim := s.object("v1", "PersistentVolumeClaim", name, "data")
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"argocd.argoproj.io/sync-wave":"1"}}}`))
	s.must(s.Staging.Patch(s.Context(), claim, patch))
	return history
}

// delivered delivers the operator, its custom resources and the claim, and records what becomes of it.
func (s *suite) delivered(name string, parameters map[string]string) *controlplane.History {
	s.must(s.Deliver(s.Context(), controlplane.Delivery{
		Name: name, Path: "deletion", Namespace: name, Parameters: parameters, Substitutions: map[string]string{"SET": name},
		Finalizers: []string{v1alpha1.ResourcesFinalizerName},
		Policy:     &v1alpha1.SyncPolicy{SyncOptions: v1alpha1.SyncOptions{"CreateNamespace=true"}, Retry: &v1alpha1.RetryStrategy{Limit: 5}},
	}))
	s.must(s.Sync(s.Context(), name))
	s.untilApplication(name, "has been synced", controlplane.Synced)
	history, err := s.Staging.Record(s.Context(), name,
		widgetOf(name),
		schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		schema.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"},
		schema.GroupVersionKind{Version: "v1", Kind: "Pod"})
	s.must(err)
	s.until("the operator of "+name+" has taken over its custom resources", func(ctx context.Context) error {
		for _, widget := range []string{"first", "second"} {
			object := s.object(name+".example.com/v1", "Widget", name, widget)
			if err := s.Staging.Get(ctx, keyOf(object), object); err != nil {
				return err
			}
			if len(object.GetFinalizers()) == 0 {
				return fmt.Errorf("Widget %s has no finalizer", widget)
			}
		}
		return nil
	})
	return history
}

// widgetOf is the kind of a delivery's custom resources.
func widgetOf(name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: name + ".example.com", Version: "v1", Kind: "Widget"}
}

// first waits for the first change for which all hold.
func (s *suite) first(history *controlplane.History, what string, holds ...func(controlplane.Change) bool) controlplane.Change {
	s.Helper()
	var found controlplane.Change
	s.until(what, func(context.Context) (err error) {
		found, err = history.First(what, func(c controlplane.Change) bool {
			for _, each := range holds {
				if !each(c) {
					return false
				}
			}
			return true
		})
		return err
	})
	return found
}

func named(kind, name string) func(controlplane.Change) bool {
	return func(c controlplane.Change) bool { return c.Object.GetKind() == kind && c.Object.GetName() == name }
}

var (
	isOperator = named("Deployment", "operator")
	isStore    = named("Deployment", "store")
	isClaim    = named("PersistentVolumeClaim", "data")
)

func isStorePod(c controlplane.Change) bool {
	return c.Object.GetKind() == "Pod" && strings.HasPrefix(c.Object.GetName(), "store-")
}

// deleting is a change of an object that somebody has deleted.
func deleting(c controlplane.Change) bool {
	return c.Type == watch.Deleted || c.Object.GetDeletionTimestamp() != nil
}

// gone is the end of an object.
func gone(c controlplane.Change) bool { return c.Type == watch.Deleted }
