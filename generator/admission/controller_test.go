package admission_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/argoproj/argo-cd/v2/applicationset/controllers"
	"github.com/argoproj/argo-cd/v2/applicationset/generators"
	"github.com/argoproj/argo-cd/v2/applicationset/metrics"
	"github.com/argoproj/argo-cd/v2/applicationset/utils"
	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/argo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/tidegate/tidegate/generator/params"
)

// controller is Argo CD's ApplicationSet controller, which asks a server of this test.
type controller struct {
	scheme *runtime.Scheme
	// owned finds the Applications of an ApplicationSet, under the name of an index.
	owned client.IndexerFunc
	index string
	// renderer is Argo CD's, whose answers are remembered.
	renderer utils.Renderer
	baseURL  string
	answer   atomic.Pointer[answer]
	did      done
}

type answer struct {
	status int
	body   []byte
}

// done counts what has been seen.
type done struct {
	reconciled, created, updated, deleted, refused int
	// missed are Applications that were answered, and whose cluster Argo CD did not have.
	missed int
}

func newController(t *testing.T) *controller {
	t.Helper()
	c := &controller{scheme: runtime.NewScheme(), renderer: &remembering{&utils.Render{}, map[string]*v1alpha1.Application{}, map[string]string{}}}
	if err := errors.Join(v1alpha1.AddToScheme(c.scheme), corev1.AddToScheme(c.scheme)); err != nil {
		t.Fatal(err)
	}
	// The index is asked for first, and nothing else is of use without an API server.
	if err := (&controllers.ApplicationSetReconciler{}).SetupWithManager(manager{c: c}, false, 1); !errors.Is(err, errOnlyIndex) {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := c.answer.Load()
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body)
	}))
	t.Cleanup(server.Close)
	c.baseURL = server.URL
	return c
}

// manager is given the index of Argo CD's controller.
type manager struct {
	ctrl.Manager
	c *controller
}

var errOnlyIndex = errors.New("only the index is wanted")

func (m manager) GetFieldIndexer() client.FieldIndexer { return m }

func (m manager) IndexField(_ context.Context, _ client.Object, field string, by client.IndexerFunc) error {
	m.c.index, m.c.owned = field, by
	return errOnlyIndex
}

// remembering asks Argo CD's renderer once for each parameter set: it takes milliseconds for that, and the template is always the
// same.
type remembering struct {
	utils.Renderer
	apps     map[string]*v1alpha1.Application
	replaced map[string]string
}

func (r *remembering) RenderTemplateParams(template *v1alpha1.Application, policy *v1alpha1.ApplicationSetSyncPolicy, set map[string]any, goTemplate bool, options []string) (*v1alpha1.Application, error) {
	key := fmt.Sprint(set)
	if r.apps[key] == nil {
		made, err := r.Renderer.RenderTemplateParams(template, policy, set, goTemplate, options)
		if err != nil {
			return nil, err
		}
		r.apps[key] = made
	}
	return r.apps[key].DeepCopy(), nil
}

func (r *remembering) Replace(template string, set map[string]any, goTemplate bool, options []string) (string, error) {
	key := template + fmt.Sprint(set)
	if _, known := r.replaced[key]; !known {
		made, err := r.Renderer.Replace(template, set, goTemplate, options)
		if err != nil {
			return "", err
		}
		r.replaced[key] = made
	}
	return r.replaced[key], nil
}

// state is what there is after Argo CD has reconciled.
type state struct {
	set  v1alpha1.ApplicationSet
	apps map[string]*v1alpha1.Application
}

// reconcile is one reconciliation, by the controller as its command sets it up by default.
func (c *controller) reconcile(a *argocd, answered *answer) (*state, error) {
	c.answer.Store(answered)
	c.did.reconciled++
	cluster, secrets := c.cluster(a)
	namespace := a.set.Namespace
	reconciler := &controllers.ApplicationSetReconciler{
		Client: cluster, Scheme: c.scheme, Recorder: &record.FakeRecorder{}, Renderer: c.renderer, KubeClientset: secrets,
		Generators: map[string]generators.Generator{"Plugin": generators.NewPluginGenerator(cluster, context.Background(), secrets, namespace)},
		Policy:     utils.Policies[""], EnablePolicyOverride: true, ArgoCDNamespace: namespace, Metrics: metrics.NewFakeAppsetMetrics(cluster),
	}
	key := client.ObjectKeyFromObject(&a.set)
	if _, err := reconciler.Reconcile(context.Background(), ctrl.Request{NamespacedName: key}); err != nil {
		return nil, fmt.Errorf("Argo CD fails: %w", err)
	}
	out, list := &state{apps: map[string]*v1alpha1.Application{}}, v1alpha1.ApplicationList{}
	err := errors.Join(cluster.Get(context.Background(), key, &out.set), cluster.List(context.Background(), &list))
	for i := range list.Items {
		out.apps[list.Items[i].Name] = &list.Items[i]
	}
	return out, err
}

// cluster is what Argo CD's controller meets: the ApplicationSet, its Applications, their project, where to ask, and the clusters.
func (c *controller) cluster(a *argocd) (client.WithWatch, kubernetes.Interface) {
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: a.set.Namespace, Name: name} }
	objects := []client.Object{
		a.set.DeepCopy(), &v1alpha1.AppProject{ObjectMeta: in("team")},
		&corev1.Secret{ObjectMeta: in("tidegate-generator"), Data: map[string][]byte{"token": []byte("secret")}},
		&corev1.ConfigMap{ObjectMeta: in("tidegate-generator"), Data: map[string]string{"baseUrl": c.baseURL, "token": "$tidegate-generator:token"}},
	}
	for _, app := range c.live(a) {
		objects = append(objects, app)
	}
	var secrets []runtime.Object
	for server, missing := range a.missing {
		if name := strings.TrimPrefix(server, "https://"); !missing {
			secret := &corev1.Secret{ObjectMeta: in(name), Data: map[string][]byte{"name": []byte(name), "server": []byte(server), "config": []byte("{}")}}
			secret.Labels = map[string]string{common.LabelKeySecretType: common.LabelValueSecretTypeCluster}
			secrets = append(secrets, secret)
		}
	}
	return fake.NewClientBuilder().WithScheme(c.scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.ApplicationSet{}).
		WithIndex(&v1alpha1.Application{}, c.index, c.owned).Build(), kubefake.NewClientset(secrets...)
}

// live are the Applications of the simulated Argo CD as an API server has them.
func (c *controller) live(a *argocd) map[string]*v1alpha1.Application {
	out := make(map[string]*v1alpha1.Application, len(a.apps))
	for name, app := range a.apps {
		made := app.generated.DeepCopy()
		made.UID = types.UID(app.UID)
		made.Annotations[params.Annotation] = app.Parameters
		made.Spec = *argo.NormalizeApplicationSpec(&made.Spec)
		if app.Deleting {
			made.DeletionTimestamp = &metav1.Time{Time: noon}
		}
		if err := controllerutil.SetControllerReference(&a.set, made, c.scheme); err != nil {
			panic(err)
		}
		out[name] = made
	}
	return out
}
