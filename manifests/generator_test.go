package manifests_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/mirror"
)

// installed is what runs the generator, strictly decoded: a field that Kubernetes does not know is an error.
type installed struct {
	deployment appsv1.Deployment
	service    corev1.Service
	budget     policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
	account    corev1.ServiceAccount
	role       rbacv1.Role
	binding    rbacv1.RoleBinding
	config     corev1.ConfigMap
}

func readInstalled(t *testing.T) *installed {
	t.Helper()
	out := &installed{}
	decode := map[string]func(*unstructured.Unstructured){
		"Deployment":          func(o *unstructured.Unstructured) { out.deployment = convert[appsv1.Deployment](t, o) },
		"Service":             func(o *unstructured.Unstructured) { out.service = convert[corev1.Service](t, o) },
		"PodDisruptionBudget": func(o *unstructured.Unstructured) { out.budget = convert[policyv1.PodDisruptionBudget](t, o) },
		"NetworkPolicy":       func(o *unstructured.Unstructured) { out.network = convert[networkingv1.NetworkPolicy](t, o) },
		"ServiceAccount":      func(o *unstructured.Unstructured) { out.account = convert[corev1.ServiceAccount](t, o) },
		"Role":                func(o *unstructured.Unstructured) { out.role = convert[rbacv1.Role](t, o) },
		"RoleBinding":         func(o *unstructured.Unstructured) { out.binding = convert[rbacv1.RoleBinding](t, o) },
		"ConfigMap":           func(o *unstructured.Unstructured) { out.config = convert[corev1.ConfigMap](t, o) },
	}
	for _, file := range []string{"generator.yaml", "generator-rbac.yaml", "generator-config.yaml"} {
		for _, object := range readAll(t, file) {
			into := decode[object.GetKind()]
			if into == nil {
				t.Fatalf("%s: a second %s, or a kind that is not expected", file, object.GetKind())
			}
			delete(decode, object.GetKind())
			if object.GetNamespace() != "argocd" {
				t.Errorf("%s: %s is in the namespace %q", file, object.GetKind(), object.GetNamespace())
			}
			into(object)
		}
	}
	for kind := range decode {
		t.Errorf("there is no %s", kind)
	}
	return out
}

func (i *installed) container(t *testing.T) corev1.Container {
	t.Helper()
	containers := i.deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%d containers", len(containers))
	}
	return containers[0]
}

func selects(t *testing.T, selector *metav1.LabelSelector, of map[string]string) bool {
	t.Helper()
	matches, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !matches.Empty() && matches.Matches(labels.Set(of))
}

func TestArgoCDReachesTheGeneratorThatIsInstalled(t *testing.T) {
	i := readInstalled(t)
	pod, container := i.deployment.Spec.Template, i.container(t)
	base, err := url.Parse(i.config.Data["baseUrl"])
	if err != nil {
		t.Fatal(err)
	}
	port := i.service.Spec.Ports[0]
	if base.String() != "http://"+i.service.Name+"."+i.service.Namespace+".svc" || port.Port != 80 {
		t.Errorf("the ConfigMap says %s, the Service is %s/%s:%d", base, i.service.Namespace, i.service.Name, port.Port)
	}
	if got := container.Ports[0]; port.TargetPort.StrVal != got.Name || got.ContainerPort != 8080 {
		t.Errorf("the Service leads to port %s, the container has %+v", port.TargetPort.String(), got)
	}
	for what, selector := range map[string]*metav1.LabelSelector{
		"Deployment": i.deployment.Spec.Selector, "Service": {MatchLabels: i.service.Spec.Selector},
		"PodDisruptionBudget": i.budget.Spec.Selector, "NetworkPolicy": &i.network.Spec.PodSelector,
		"topology spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		if !selects(t, selector, pod.Labels) {
			t.Errorf("%s does not select the generator's Pods", what)
		}
	}
	ingress := i.network.Spec.Ingress[0]
	if !selects(t, ingress.From[0].PodSelector, applicationSetController(t).Spec.Template.Labels) || ingress.Ports[0].Port.StrVal != port.Name {
		t.Errorf("the NetworkPolicy keeps the ApplicationSet controller out: %+v", ingress)
	}
}

// applicationSetController is Argo CD's own.
func applicationSetController(t *testing.T) appsv1.Deployment {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "manifests/base/applicationset-controller/argocd-applicationset-controller-deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out appsv1.Deployment
	if err := yaml.UnmarshalStrict(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheGeneratorGetsTheTokenAndTheRightsThatItIsInstalledWith(t *testing.T) {
	i := readInstalled(t)
	pod, container := i.deployment.Spec.Template.Spec, i.container(t)
	if pod.ServiceAccountName != i.account.Name || i.binding.Subjects[0].Name != i.account.Name || i.binding.RoleRef.Name != i.role.Name {
		t.Errorf("the Pods are %s, the Role %s is bound to %v", pod.ServiceAccountName, i.binding.RoleRef.Name, i.binding.Subjects)
	}
	secret, key, _ := strings.Cut(strings.TrimPrefix(i.config.Data["token"], "$"), ":")
	for _, volume := range pod.Volumes {
		if volume.Secret == nil {
			continue
		}
		if volume.Secret.SecretName != secret || volume.Secret.Items[0].Key != key || *volume.Secret.DefaultMode != 0o440 {
			t.Errorf("Argo CD's token is %s in %s, the generator's %+v", key, secret, volume.Secret)
		}
		mounted := slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name })
		file := "--token-file=" + filepath.Join(container.VolumeMounts[mounted].MountPath, volume.Secret.Items[0].Path)
		if !slices.Contains(container.Args, file) {
			t.Errorf("the arguments have no %s: %q", file, container.Args)
		}
	}
}

func TestTheGeneratorHasNoPrivilegesAndWritesToOneFolder(t *testing.T) {
	i := readInstalled(t)
	pod, container := i.deployment.Spec.Template.Spec, i.container(t)
	its, own := pod.SecurityContext, container.SecurityContext
	switch {
	case !*its.RunAsNonRoot || *its.RunAsUser == 0 || its.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault,
		!*own.ReadOnlyRootFilesystem, *own.AllowPrivilegeEscalation, !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}),
		pod.HostNetwork, pod.HostPID, pod.HostIPC:
		t.Errorf("%+v, %+v", its, own)
	}
	var written []string
	for _, mount := range container.VolumeMounts {
		if !mount.ReadOnly {
			written = append(written, mount.MountPath)
		}
	}
	if len(written) != 1 || written[0] != "/var/lib/tidegate" {
		t.Errorf("it writes to %q; the mirror is in /var/lib/tidegate/mirror by default", written)
	}
	for _, volume := range pod.Volumes {
		if volume.EmptyDir != nil && volume.EmptyDir.SizeLimit.Value() <= mirror.DefaultSizeLimit {
			t.Errorf("the Pod is evicted at %s, before the mirror keeps to its limit", volume.EmptyDir.SizeLimit)
		}
	}
}

func TestARolloutOfTheGeneratorLeavesAReplicaThatAnswers(t *testing.T) {
	i := readInstalled(t)
	pod, container := i.deployment.Spec.Template.Spec, i.container(t)
	rolling := i.deployment.Spec.Strategy.RollingUpdate
	if *i.deployment.Spec.Replicas < 2 || rolling.MaxUnavailable.IntVal != 0 || i.budget.Spec.MaxUnavailable.IntVal != 1 {
		t.Errorf("%d replicas, %+v, %+v", *i.deployment.Spec.Replicas, rolling, i.budget.Spec)
	}
	if ready, live := container.ReadinessProbe.HTTPGet, container.LivenessProbe.HTTPGet; ready.Path != "/readyz" || live.Path != "/healthz" ||
		ready.Port.StrVal != container.Ports[0].Name || live.Port.StrVal != container.Ports[0].Name {
		t.Errorf("probes ask %+v and %+v", ready, live)
	}
	// The defaults of --drain and --shutdown-timeout.
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace <= 35*time.Second {
		t.Errorf("the Pod is killed after %s, with answers in flight", grace)
	}
}
