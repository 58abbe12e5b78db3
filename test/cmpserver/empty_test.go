package cmpserver_test

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/tidegate/tidegate/test/cmpserver"
)

// Argo CD 2.14 leaves out a variable without a value, Argo CD 3 does not (see argocd3).
func TestAVariableWithoutAValueIsNoneForArgoCD2(t *testing.T) {
	repo := copyExample(t, map[string]string{
		"empty/kustomization.yaml": "resources: [settings.yaml]\n",
		"empty/settings.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {region: \"${REGION}\", cluster: \"${CLUSTER}\"}\n",
	})
	app := cmpserver.Application{Name: "empty", Namespace: "staging", Path: "empty"}
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		app.Env = v1alpha1.Env{{Name: "CLUSTER", Value: "a"}, {Name: "REGION", Value: ""}}
		if got, err := server.Manifests(t.Context(), repo, app); err == nil || !strings.Contains(err.Error(), "REGION") {
			t.Errorf("got %v, %v", got, err)
		}
		app.Env[1].Value = "eu-west-1"
		if _, err := server.Manifests(t.Context(), repo, app); err != nil {
			t.Error(err)
		}
	})
}
