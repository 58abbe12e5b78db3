package cmpserver_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/test/cmpserver"
)

// leaked is an overlay with a Secret in plain text.
var leaked = map[string]string{
	"services/payments-api/overlays/leaked/kustomization.yaml": "resources: [../staging, token.yaml]\n",
	"services/payments-api/overlays/leaked/token.yaml": `apiVersion: v1
kind: Secret
metadata:
  name: payments-api-token
stringData:
  token: hunter2
`,
}

const leakedPath = "services/payments-api/overlays/leaked"

// TestArgoCDShowsTheMessageOfRender holds what a person sees in Argo CD's UI against what tidegate render says.
func TestArgoCDShowsTheMessageOfRender(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		repo := copyExample(t, leaked)
		_, want := render(t, repo, leakedPath)
		if want == nil {
			t.Fatal("tidegate render did not refuse the Secret")
		}
		for _, sent := range []struct{ name, generatePaths string }{
			{"whole repository sent", ""},
			{"only the service sent", "/services/payments-api"},
		} {
			t.Run(sent.name, func(t *testing.T) {
				app := application(leakedPath)
				app.GeneratePaths = sent.generatePaths
				_, got := server.Manifests(t.Context(), repo, app)
				if got == nil {
					t.Fatal("Argo CD got manifests")
				}
				_, message, found := strings.Cut(want.Error(), "exit status 1: ")
				if !found || !strings.HasSuffix(got.Error(), strings.TrimSpace(message)) {
					t.Errorf("Argo CD shows\n  %v\ntidegate render says\n  %v", got, want)
				}
				if strings.Contains(got.Error(), "hunter2") {
					t.Error("the message holds the secret")
				}
			})
		}
	})
}

func TestPolicyCannotBeSwitchedOffFromOutside(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		const off = "plugin:\n  parameters:\n    - name: policy\n      string: \"off\"\n"
		for _, test := range []struct{ name, file, say string }{
			{"by the Application", "", "payments-api-token"},
			{"by a committed .argocd-source.yaml", ".argocd-source.yaml", leakedPath + "/.argocd-source.yaml"},
			{"by a committed file for the Application", ".argocd-source-payments-api-staging.yaml", ".argocd-source-payments-api-staging.yaml"},
		} {
			t.Run(test.name, func(t *testing.T) {
				repo := copyExample(t, leaked)
				app := application(leakedPath)
				if test.file != "" {
					write(t, repo, leakedPath+"/"+test.file, off)
				} else {
					app.Parameters = append(app.Parameters, text("policy", "off"))
				}
				manifests, err := server.Manifests(t.Context(), repo, app)
				if err == nil || !strings.Contains(err.Error(), test.say) {
					t.Errorf("got %d manifests and error %v, want a refusal that names %s", len(manifests), err, test.say)
				}
			})
		}
	})
}

func TestUnusableFolderIsAnErrorAndNeverFewerManifests(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		for _, test := range []struct{ name, path, say string }{
			{"no kustomization", "services", "kustomization"},
			{"no such resource", "services/broken", "missing.yaml"},
			{"nothing in it", "services/empty", ""},
		} {
			t.Run(test.name, func(t *testing.T) {
				repo := copyExample(t, map[string]string{
					"services/broken/kustomization.yaml": "resources: [missing.yaml, deployment.yaml]\n",
					"services/broken/deployment.yaml":    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: left\n",
					"services/empty/kustomization.yaml":  "resources: []\n",
				})
				manifests, err := server.Manifests(t.Context(), repo, application(test.path))
				if err == nil || !strings.Contains(err.Error(), test.say) {
					t.Errorf("got %d manifests and error %v, want an error about %q", len(manifests), err, test.say)
				}
			})
		}
	})
}
