//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/test/controlplane"
	"github.com/tidegate/tidegate/test/controlplane/simulate"
	"github.com/tidegate/tidegate/test/sets"
)

// ordering is a way to order a set, with a cluster of its own: nothing of another order makes it work.
type ordering struct {
	name    string
	waves   string
	byHand  bool
	cluster *controlplane.Cluster
	// pods is what became of all pods of the cluster.
	pods *controlplane.History
}

// notHere are sets whose operator is neither real nor simulated on this cluster.
var notHere = []string{"rollout"}

// withOwnOperator are sets that bring the operator that others have from elsewhere. They are synced first, on clusters
// that have none.
var withOwnOperator = []string{"cert-manager", "sealed-secrets"}

// racing are sets whose custom resources are refused without waves, unless the API server has yet to notice the webhook
// that was applied just before.
var racing = []string{"cert-manager", "operator-with-webhook", "webhook-certificate"}

// marked are the custom resources on which the webhook of a set leaves a mark, when it is asked. One that the API server has
// yet to notice is not.
var marked = map[string]schema.GroupVersionKind{
	"operator-with-webhook": {Group: "example.com", Version: "v1", Kind: "WidgetList"},
	"webhook-certificate":   {Group: "example.net", Version: "v1", Kind: "GadgetList"},
}

// tooEarly are sets some of whose pods are started before a Secret that they name is there, when nothing orders them. If
// none waited, the test would not notice that waves have no effect.
var tooEarly = []string{
	"acme-served-by-pods", "cert-manager", "event-scaling", "migration", "pipeline", "sealed-secrets", "two-namespaces", "webhook-certificate",
}

// inCircles are sets whose pods have to be started before their Secret: it is made only of what waits for them. The plan
// warns of it.
var inCircles = []string{"acme-served-by-pods"}

// operatorDelay is far longer than a pod takes to start. A Secret that an operator makes comes after the pods that were
// applied with it, however busy the machine is.
const operatorDelay = 2 * time.Second

// argoCDsResync is how often Argo CD compares an Application by itself. A sync that waits until Argo CD has seen a
// CustomResourceDefinition may need that: Argo CD marks none as an Application's, and so does not know whose it is when it comes
// (argo-cd reposerver/repository, GenerateManifests).
const argoCDsResync = 3 * time.Minute

// A user loses a rollout that works at the first attempt if this fails. What Argo CD makes of the same sets without waves,
// and with the waves that people number by hand, is recorded beside it.
//
// It is not parallel: it syncs some forty Applications on three clusters at once, which leaves two cores little for others.
func TestDeadlocks(t *testing.T) {
	s := start(t, controlplane.Options{
		Operators: []string{"external-secrets.io", "cert-manager.io"}, OperatorDelay: operatorDelay, Resync: argoCDsResync,
	})
	byHand, err := s.AddCluster(t.Context(), "by-hand")
	s.must(err)
	orders := []ordering{
		{name: "planned", waves: "tiers", cluster: s.Staging},
		{name: "unplanned", waves: "off", cluster: s.Production},
		{name: "by-hand", waves: "off", byHand: true, cluster: byHand},
	}
	all, err := sets.All()
	s.must(err)
	all = slices.DeleteFunc(all, func(set sets.Set) bool { return slices.Contains(notHere, set.Name) })
	for i := range orders {
		s.prepare(orders[i])
		orders[i].pods, err = orders[i].cluster.Record(s.Context(), "", corev1.SchemeGroupVersion.WithKind("Pod"))
		s.must(err)
		for _, set := range all {
			s.must(s.commit(set, orders[i]))
		}
	}
	s.push("Sets")

	trials := &trials{suite: s, orders: orders, outcomes: map[string]outcome{}}
	bring := func(set sets.Set) bool { return slices.Contains(withOwnOperator, set.Name) }
	trials.try(slices.DeleteFunc(slices.Clone(all), func(set sets.Set) bool { return !bring(set) }))
	for _, order := range orders {
		s.operateElsewhere(order.cluster, true)
	}
	trials.try(slices.DeleteFunc(slices.Clone(all), bring))
	trials.forgive(all)

	s.show("first-attempt", trials.attempts(all))
	trials.judge(all)
	trials.judgeWebhooks()
	s.document("docs/first-attempt.md", trials.document(all))
	var written []string
	for _, set := range all {
		written = append(written, set.Name+"-planned", set.Name+"-by-hand")
	}
	s.parityOf(written...)
}

// judge compares what came of the sets with what is promised, and with what shows that it was kept.
func (t *trials) judge(all []sets.Set) {
	for _, set := range all {
		planned, unplanned := t.outcomes[set.Name+"-planned"], t.outcomes[set.Name+"-unplanned"]
		if planned.kind != firstAttempt {
			t.Errorf("%s with Tidegate's waves: %s", set.Name, planned)
		}
		if len(planned.waited) > 0 != slices.Contains(inCircles, set.Name) {
			t.Errorf("%s with Tidegate's waves: pods waited for %q", set.Name, planned.waited)
		}
		if waves := t.wavesOf(set.Name + "-planned"); len(waves) < 2 {
			t.Errorf("%s with Tidegate's waves has one wave, %v", set.Name, waves)
		}
		if unplanned.kind == stuck {
			t.Errorf("%s without waves: %s", set.Name, unplanned)
		}
		if len(unplanned.waited) > 0 != slices.Contains(tooEarly, set.Name) {
			t.Errorf("%s without waves: pods waited for %q", set.Name, unplanned.waited)
		}
	}
}

// wavesOf are the waves of an Application's manifests.
func (t *trials) wavesOf(app string) []int {
	manifests, err := t.ArgoCD.Manifests(t.Context(), "main", t.application(app))
	t.must(err)
	var waves []int
	for _, object := range manifests {
		waves = append(waves, syncwaves.Wave(object))
	}
	slices.Sort(waves)
	return slices.Compact(waves)
}

// judgeWebhooks fails the test if a webhook has not seen what it is to see, where waves are planned.
func (t *trials) judgeWebhooks() {
	for name, kind := range marked {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		t.must(t.orders[0].cluster.List(t.Context(), list))
		if len(list.Items) == 0 {
			t.Errorf("%s: there is no %s", name, kind.Kind)
		}
		for _, object := range list.Items {
			if object.GetAnnotations()["seen-by-webhook"] != "yes" {
				t.Errorf("%s with Tidegate's waves: %s %s was applied before its webhook was asked", name, object.GetKind(), object.GetName())
			}
		}
	}
}

// prepare makes a cluster what the sets expect to find.
func (s *suite) prepare(o ordering) {
	if o.cluster != s.Staging {
		s.must(o.cluster.TrustDeployer(s.Context()))
	}
	s.operateElsewhere(o.cluster, false)
	store := s.object("external-secrets.io/v1", "ClusterSecretStore", "", "platform")
	store.Object["spec"] = map[string]any{"provider": map[string]any{"fake": map[string]any{}}}
	s.must(o.cluster.Apply(s.Context(), store))
}

// operateElsewhere has the operators of the sets that bring their own come from elsewhere, or not.
func (s *suite) operateElsewhere(cluster *controlplane.Cluster, elsewhere bool) {
	var definitions apiextensionsv1.CustomResourceDefinitionList
	s.must(cluster.List(s.Context(), &definitions))
	for _, definition := range definitions.Items {
		if group := definition.Spec.Group; group != "cert-manager.io" && group != "bitnami.com" {
			continue
		}
		var value any
		if elsewhere {
			value = simulate.Elsewhere
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{simulate.OperatorAnnotation: value}}})
		s.must(err)
		s.must(cluster.Patch(s.Context(), &definition, client.RawPatch("application/merge-patch+json", patch)))
	}
}

// commit writes a set into the repository, for a namespace of its own.
func (s *suite) commit(set sets.Set, o ordering) error {
	objects, err := renamed(set)
	if err != nil {
		return err
	}
	if o.byHand {
		sets.NumberByKind(objects)
	}
	text, err := manifest.YAML(objects)
	dir := "sets/" + o.name + "/" + set.Name
	return errors.Join(err, s.Repository.Write(dir+"/kustomization.yaml", "resources: [set.yaml]\n"), s.Repository.Write(dir+"/set.yaml", string(text)))
}

// renamed is a set in a namespace of its own.
func renamed(set sets.Set) ([]manifest.Object, error) {
	text, err := manifest.YAML(set.Objects)
	if err != nil {
		return nil, err
	}
	return sets.Parse(destination.ReplaceAll(text, []byte(": "+set.Name+"$1")))
}

// destination is the namespace of all sets as a value, or as the beginning of one.
var destination = regexp.MustCompile(`(?m): ` + sets.Namespace + `($|/)`)
