package supersede_test

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"

	"github.com/tidegate/tidegate/generator/supersede"
)

// A global project's windows close those of the projects it is global for: missing one would leave an operation
// Terminating until it opens.
func TestTheWindowsOfGlobalProjectsCount(t *testing.T) {
	const global = "- projectName: freeze\n  labelSelector: {matchLabels: {frozen: \"yes\"}}\n"
	project := func(name, frozen, window string) *v1alpha1.AppProject {
		return &v1alpha1.AppProject{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "argocd", Labels: map[string]string{"frozen": frozen}},
			Spec:       v1alpha1.AppProjectSpec{SyncWindows: v1alpha1.SyncWindows{{Kind: "deny", Schedule: window}}},
		}
	}
	cases := []struct {
		name     string
		settings map[string]string
		projects []runtime.Object
		want     string
		err      string
	}{
		{name: "no global projects", projects: []runtime.Object{project("payments", "yes", "own")}, want: "own"},
		{
			name: "one that selects it", settings: map[string]string{"globalProjects": global},
			projects: []runtime.Object{project("payments", "yes", "own"), project("freeze", "", "global")}, want: "own global",
		},
		{
			name: "one that does not select it", settings: map[string]string{"globalProjects": global},
			projects: []runtime.Object{project("payments", "no", "own"), project("freeze", "", "global")}, want: "own",
		},
		{
			name: "one that is not there", settings: map[string]string{"globalProjects": global},
			projects: []runtime.Object{project("payments", "yes", "own")}, err: "global AppProject freeze",
		},
		{name: "no project", err: "AppProject payments"},
		{
			name: "settings that cannot be read", settings: map[string]string{"globalProjects": "freeze"},
			projects: []runtime.Object{project("payments", "yes", "own")}, err: "ConfigMap argocd-cm: globalProjects",
		},
		{
			name: "a selector that cannot be read", settings: map[string]string{"globalProjects": strings.Replace(global, "{matchLabels: {frozen: \"yes\"}}", "{matchExpressions: [{key: a, operator: Like}]}", 1)},
			projects: []runtime.Object{project("payments", "yes", "own")}, err: "ConfigMap argocd-cm: globalProjects: freeze",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm", Namespace: "argocd"}, Data: c.settings}
			projects := supersede.LiveProjects{
				Projects: fake.NewSimpleClientset(c.projects...).ArgoprojV1alpha1().AppProjects("argocd"),
				Settings: kubefake.NewSimpleClientset(settings).CoreV1().ConfigMaps("argocd"),
			}
			windows, err := projects.Windows(t.Context(), "payments")
			if c.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.err) {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, window := range windows {
				got = append(got, window.Schedule)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("windows %v, want %s", got, c.want)
			}
		})
	}
}
