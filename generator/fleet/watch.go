package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/common"
	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/tidegate/tidegate/generator/informer"
)

// WatchOptions say whose clusters are watched.
type WatchOptions struct {
	Client kubernetes.Interface
	// Namespace is Argo CD's.
	Namespace string
	// Limit is how long nothing may be heard from the API server before the fleet is in doubt: 5 min.
	Limit time.Duration
	// Log is told when a doubt begins and ends. Nil: nothing is logged.
	Log *slog.Logger
}

// Watched is the fleet of Argo CD's cluster Secrets, as argo-cd util/db.ListClusters has it, but for Secrets that are
// broken: Argo CD leaves those out, here they are errors, because an answer without their clusters would delete
// Applications.
type Watched struct {
	namespace string
	secrets   *informer.Informer[*corev1.Secret, *registration]
	settings  *informer.Informer[*corev1.ConfigMap, *setting]

	// changed receives after each change, so that what follows from all Secrets is worked out once for many answers.
	changed chan struct{}

	mu       sync.Mutex
	known    bool
	clusters []Cluster
	err      error
}

// Watch returns a fleet that knows nothing yet; Run makes it read.
func Watch(options WatchOptions) *Watched {
	w := &Watched{namespace: options.Namespace, changed: make(chan struct{}, 1)}
	secrets := options.Client.CoreV1().Secrets(options.Namespace)
	w.secrets = informer.New(informer.Options[*corev1.Secret, *registration]{
		What: "cluster Secrets in the namespace " + options.Namespace,
		List: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = clusterSecrets
			return secrets.List(ctx, o)
		},
		Watch: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = clusterSecrets
			return secrets.Watch(ctx, o)
		},
		Keep: register, Limit: options.Limit, Log: options.Log,
	})
	maps := options.Client.CoreV1().ConfigMaps(options.Namespace)
	w.settings = informer.New(informer.Options[*corev1.ConfigMap, *setting]{
		What: "the ConfigMap " + common.ArgoCDConfigMapName + " in the namespace " + options.Namespace,
		List: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = onlyArgoCD
			return maps.List(ctx, o)
		},
		Watch: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = onlyArgoCD
			return maps.Watch(ctx, o)
		},
		Keep:  settingOf,
		Same:  func(before, after *setting) bool { return before.inCluster == after.inCluster },
		Limit: options.Limit, Log: options.Log,
	})
	w.Notify(w.changed)
	return w
}

const (
	clusterSecrets = common.LabelKeySecretType + "=" + common.LabelValueSecretTypeCluster
	onlyArgoCD     = metav1.ObjectNameField + "=" + common.ArgoCDConfigMapName
)

// Run reads and watches until the context ends.
func (w *Watched) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { w.secrets.Run(ctx) })
	both.Go(func() { w.settings.Run(ctx) })
	both.Wait()
}

// State tells whether the fleet can be trusted. Clusters gives what was last read even where that is in doubt.
func (w *Watched) State() informer.State { return w.secrets.State().And(w.settings.State()) }

// Notify sends after each change of the clusters or of the doubt, never blocking: a channel with room for one misses
// nothing.
func (w *Watched) Notify(listener chan<- struct{}) {
	w.secrets.Notify(listener)
	w.settings.Notify(listener)
}

// Clusters are those that were last read. What has never been read is an error, and so is any Secret that is broken: the
// error names each, never its content.
func (w *Watched) Clusters(context.Context) ([]Cluster, error) {
	if state := w.State(); !state.Synced {
		return nil, errors.New(state.Doubt)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.changed:
		w.known = false
	default:
	}
	if !w.known {
		w.clusters, w.err = w.read()
		w.known = true
	}
	return w.clusters, w.err
}

func (w *Watched) read() ([]Cluster, error) {
	argocd, exists := w.settings.Get(w.namespace, common.ArgoCDConfigMapName)
	if !exists {
		return nil, fmt.Errorf("the ConfigMap %s/%s is missing: without it this is not the namespace of an Argo CD; say which one is with --namespace",
			w.namespace, common.ArgoCDConfigMapName)
	}
	secrets := w.secrets.All()
	if !argocd.inCluster {
		secrets = slices.DeleteFunc(secrets, (*registration).isInCluster)
	} else if !slices.ContainsFunc(secrets, (*registration).isInCluster) {
		secrets = append(secrets, inCluster())
	}
	slices.SortFunc(secrets, func(a, b *registration) int { return strings.Compare(a.Name, b.Name) })
	return together(secrets)
}

// maxBroken is how many broken Secrets one error lists.
const maxBroken = 20

// together refuses all clusters where one is broken, or two are the same.
func together(secrets []*registration) ([]Cluster, error) {
	clusters := make([]Cluster, 0, len(secrets))
	var broken []string
	names, servers := map[string]*registration{}, map[string]*registration{}
	for _, secret := range secrets {
		cluster := secret.cluster
		clusters = append(clusters, cluster)
		broken = append(broken, secret.problems...)
		if other := names[cluster.Name]; other != nil && cluster.Name != "" {
			broken = append(broken, fmt.Sprintf("%s: %q is the name of %s already; rename one", secret, cluster.Name, other))
		}
		if other := servers[cluster.Server]; other != nil && cluster.Server != "" {
			broken = append(broken, fmt.Sprintf("%s: its server is that of %s already; delete one", secret, other))
		}
		names[cluster.Name], servers[cluster.Server] = secret, secret
	}
	if len(broken) > maxBroken {
		broken = append(broken[:maxBroken:maxBroken], fmt.Sprintf("and %d more", len(broken)-maxBroken))
	}
	if len(broken) > 0 {
		return nil, errors.New(strings.Join(broken, "\n"))
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return strings.Compare(a.Name, b.Name) })
	return clusters, nil
}

// inCluster is the cluster that Argo CD runs in, where no Secret says so. It has no labels.
func inCluster() *registration {
	return &registration{cluster: Cluster{
		Name: "in-cluster", Server: v1alpha1.KubernetesInternalAPIServerAddr, Labels: map[string]string{}, Annotations: map[string]string{},
	}}
}
