package cmpserver_test

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/test/cmpserver"
)

const staging = "services/payments-api/overlays/staging"

func text(name, value string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, String_: &value}
}

func list(name string, values ...string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, OptionalArray: &v1alpha1.OptionalArray{Array: values}}
}

func mapping(name string, values map[string]string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, OptionalMap: &v1alpha1.OptionalMap{Map: values}}
}

// more holds two overlays: one has a variable, the other custom resources.
var more = map[string]string{
	"references.yaml": references,
	"services/payments-api/overlays/queue/kustomization.yaml": "resources: [../staging, queue.yaml]\n",
	"services/payments-api/overlays/queue/queue.yaml": `apiVersion: messaging.example.com/v1
kind: Queue
metadata:
  name: orders
---
apiVersion: messaging.example.com/v1
kind: Consumer
metadata:
  name: billing
spec:
  queues:
  - name: orders
`,
	"services/payments-api/overlays/region/kustomization.yaml": "resources: [../staging, region.yaml]\n",
	"services/payments-api/overlays/region/region.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: region
data:
  region: ${REGION}
  escaped: $${REGION}
`,
}

// references is the row that docs/plugin.md shows.
const references = "- {from: Consumer.messaging.example.com, field: 'spec.queues[]', to: Queue.messaging.example.com, strength: healthy}\n"

func TestParametersDoWhatFlagsDo(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		repo := copyExample(t, more)
		const withRegion, withQueue = "services/payments-api/overlays/region", "services/payments-api/overlays/queue"
		for _, test := range []struct {
			name       string
			path       string
			parameters v1alpha1.ApplicationSourcePluginParameters
			flags      []string
		}{
			{"waves off", staging, v1alpha1.ApplicationSourcePluginParameters{text("waves", "off")}, []string{"--waves=off"}},
			{"waves minimal", staging, v1alpha1.ApplicationSourcePluginParameters{text("waves", "minimal")}, []string{"--waves=minimal"}},
			{
				"images", staging,
				v1alpha1.ApplicationSourcePluginParameters{list("images", "ghcr.io/myorg/payments-api:sha-0ddba11")},
				[]string{"--image=ghcr.io/myorg/payments-api:sha-0ddba11"},
			},
			{
				"replicas", staging,
				v1alpha1.ApplicationSourcePluginParameters{mapping("replicas", map[string]string{"payments-api": "7"})},
				[]string{"--replicas=payments-api=7"},
			},
			{
				"names", staging,
				v1alpha1.ApplicationSourcePluginParameters{text("name-prefix", "blue-"), text("name-suffix", "-2")},
				[]string{"--name-prefix=blue-", "--name-suffix=-2"},
			},
			{
				"substitutions", withRegion,
				v1alpha1.ApplicationSourcePluginParameters{mapping("substitutions", map[string]string{"REGION": "eu-west-1"})},
				[]string{"--set=REGION=eu-west-1"},
			},
			{
				"references", withQueue,
				v1alpha1.ApplicationSourcePluginParameters{text("references", references)},
				[]string{"--references=references.yaml"},
			},
		} {
			t.Run(test.name, func(t *testing.T) {
				want, err := render(t, repo, append([]string{test.path}, test.flags...)...)
				if err != nil {
					t.Fatal(err)
				}
				app := application(test.path)
				app.Parameters = test.parameters
				got, err := server.Manifests(t.Context(), repo, app)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-tidegate render %v +Argo CD):\n%s", test.flags, diff)
				}
				// Without a value for its variable, an overlay does not render at all.
				if plain, err := render(t, repo, test.path); err == nil && cmp.Equal(plain, got) {
					t.Error("the parameters changed nothing")
				}
			})
		}
	})
}

func TestAnnouncedParametersAreThoseThatWork(t *testing.T) {
	eachWay(t, func(t *testing.T, server *cmpserver.Server) {
		announced, err := server.Announcements(t.Context(), example, staging)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := render(t, example, staging)
		if err != nil {
			t.Fatal(err)
		}
		for _, parameter := range announced {
			t.Run(parameter.Name, func(t *testing.T) {
				if parameter.Title == "" || parameter.Tooltip == "" {
					t.Error("announced without title or tooltip")
				}
				app := application(staging)
				switch parameter.CollectionType {
				case "map":
					app.Parameters = append(app.Parameters, mapping(parameter.Name, parameter.Map))
				case "array":
					app.Parameters = append(app.Parameters, list(parameter.Name, parameter.Array...))
				default:
					app.Parameters = append(app.Parameters, text(parameter.Name, parameter.String_))
				}
				got, err := server.Manifests(t.Context(), example, app)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(plain, got); diff != "" {
					t.Errorf("the announced default is not what the plugin does without it (-without +with):\n%s", diff)
				}
			})
		}
		app := application(staging)
		app.Parameters = append(app.Parameters, text("wavs", "off"))
		if _, err := server.Manifests(t.Context(), example, app); err == nil || !strings.Contains(err.Error(), "wavs") {
			t.Errorf("a parameter that does not exist: got error %v, want one that names it", err)
		}
	})
}
