package supersede

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/pkg/client/clientset/versioned"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tidegate/tidegate/generator/live"
)

// liveOf reads Applications without a type, which would drop what only a newer Argo CD has of them.
func liveOf(client versioned.Interface) func(context.Context, string, string) ([]byte, error) {
	return func(ctx context.Context, namespace, name string) ([]byte, error) {
		return live.Raw(client.ArgoprojV1alpha1().RESTClient().Get().Namespace(namespace).Resource("applications").Name(name).Do(ctx))
	}
}

// read reads an Application as it is. Where Argo CD 3.1 or newer says that automated is not enabled, it has no automated: that is
// how Argo CD 2 says it.
func (r *Releaser) read(ctx context.Context, name types.NamespacedName) (*v1alpha1.Application, error) {
	body, err := r.Live(ctx, name.Namespace, name.Name)
	if err != nil {
		return nil, err
	}
	app := &v1alpha1.Application{}
	var beyond struct {
		Spec struct {
			SyncPolicy struct {
				Automated struct {
					Enabled *bool `json:"enabled"`
				} `json:"automated"`
			} `json:"syncPolicy"`
		} `json:"spec"`
	}
	for _, into := range []any{app, &beyond} {
		if err := json.Unmarshal(body, into); err != nil {
			return nil, fmt.Errorf("reading Application %s: %w", name, err)
		}
	}
	if enabled := beyond.Spec.SyncPolicy.Automated.Enabled; enabled != nil && !*enabled {
		app.Spec.SyncPolicy.Automated = nil
	}
	return app, nil
}
