package live_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned/fake"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/live"
)

// An Application that waits for its AppProject comes only with Argo CD's next poll, if this fails.
func TestAProjectThatIsMadeWakesThoseWhoWaitForIt(t *testing.T) {
	client := fake.NewSimpleClientset(set("services", ours), app("web", "services"))
	l := running(t, client, live.Options{})
	changed := make(chan struct{}, 1)
	l.Notify(changed)
	// What was told before may still arrive: that is less often than this.
	for i := range 20 {
		project := &v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: fmt.Sprintf("homes-%d", i)}}
		if _, err := client.ArgoprojV1alpha1().AppProjects("argocd").Create(t.Context(), project, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody is told of a new AppProject")
		}
		wait(t, nil, func() bool { return l.Projects()[project.Name] })
	}
}
