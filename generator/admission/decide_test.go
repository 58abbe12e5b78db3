package admission_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tidegate/tidegate/generator/admission"
	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin/manifest"
)

const (
	two     = "eu:tier=production s:tier=staging"
	both    = "api/staging api/production web/staging web/production"
	renamed = `apiVersion: tidegate.dev/v1alpha1
kind: Platform
defaults: {project: team, repoURL: https://example.com/repo, targetRevision: main}
environments:
  - name: staging
    clusterSelector: {matchLabels: {tier: staging}}
    applicationName: "{service}-{environment}-{cluster}"
    syncPolicy: {automated: {}}
  - name: production
    clusterSelector: {matchLabels: {tier: production}}
`
)

func TestWhatGoesAndWhatStays(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after scene
		change        func(*admission.World)
		want          string
	}{
		{name: "nothing has changed", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			want: `answer api-staging api-production web-staging web-production`},
		{name: "an overlay of staging is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			want: `answer api-staging api-production web-production
released web-staging overlay-gone shown-by-git`},
		{name: "an overlay of production is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/staging", clusters: two},
			want: `answer api-staging api-production web-staging web-production
held web-production overlay-gone protected`},
		{name: "a service is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production", clusters: two},
			want: `answer api-staging api-production web-production
held web-production overlay-gone protected
released web-staging overlay-gone shown-by-git`},
		{name: "too many are gone at once", before: scene{overlays: both + " db/staging", clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			want: `answer api-staging api-production web-production db-staging web-staging
held db-staging overlay-gone limit
held web-staging overlay-gone limit`},
		{name: "one is gone while another one is being deleted", before: scene{overlays: both + " db/staging", clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Live[2].Deleting = true },
			want: `answer api-staging api-production web-production web-staging
held web-staging overlay-gone limit
going db-staging`},
		{name: "a protected environment is told by the label, too", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) {
				w.Live[3].Labels = map[string]string{params.EnvironmentLabel: "production"}
			},
			want: `answer api-staging api-production web-production web-staging
held web-staging overlay-gone protected`},
		{name: "everything else came instead", before: scene{overlays: "web/staging", clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			want: `answer api-staging web-staging
held web-staging overlay-gone empties`},
		{name: "the only other one is being deleted", before: scene{overlays: "web/staging api/staging", clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			change: func(w *admission.World) { w.Live[0].Deleting = true },
			want: `answer api-staging web-staging
held web-staging overlay-gone empties`},
		{name: "a cluster has vanished", before: scene{overlays: "api/staging", clusters: two + " s2:tier=staging", platform: renamed}, after: scene{overlays: "api/staging", clusters: two, platform: renamed},
			want: `answer api-staging-s api-staging-s2
held api-staging-s2 cluster-gone not-shown-by-git`},
		{name: "a cluster has vanished, and the overlay is gone", before: scene{overlays: both, clusters: two + " s2:tier=staging", platform: renamed}, after: scene{overlays: "api/staging api/production web/production", clusters: two, platform: renamed},
			want: `answer api-staging-s api-production web-production api-staging-s2 web-staging-s2
held api-staging-s2 cluster-gone not-shown-by-git
held web-staging-s2 cluster-gone not-shown-by-git
released web-staging-s overlay-gone shown-by-git`},
		{name: "a cluster was relabelled", before: scene{overlays: "api/staging", clusters: two + " s2:tier=staging", platform: renamed}, after: scene{overlays: "api/staging", clusters: two + " s2:tier=none", platform: renamed},
			want: `answer api-staging-s api-staging-s2
held api-staging-s2 cluster-relabelled not-shown-by-git`},
		{name: "another cluster took the name, and the overlay is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: "eu:tier=production s@other:tier=staging"},
			want: `answer api-staging api-production web-production web-staging
held web-staging cluster-gone not-shown-by-git`},
		{name: "a label that nobody selects by has changed, and the overlay is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: "eu:tier=production s:tier=staging,a=b"},
			want: `answer api-staging api-production web-production
released web-staging overlay-gone shown-by-git`},
		{name: "the selector of an environment was narrowed", before: scene{overlays: "api/staging", clusters: two + " s2:tier=staging,a=b", platform: renamed},
			after: scene{overlays: "api/staging", clusters: two + " s2:tier=staging,a=b", platform: strings.Replace(renamed, "{tier: staging}", `{tier: staging, a: b}`, 1)},
			want: `answer api-staging-s2 api-staging-s
held api-staging-s platform-changed not-shown-by-git`},
		{name: "the input was narrowed", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, input: params.Input{Services: []string{"api"}}},
			want: `answer api-staging api-production web-production web-staging
held web-production input-narrowed not-shown-by-git
held web-staging input-narrowed not-shown-by-git`},
		{name: "the input's clusters were narrowed", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, input: params.Input{ClusterSelector: selector("tier=staging")}},
			want: `answer api-staging web-staging api-production web-production
held api-production input-narrowed not-shown-by-git
held web-production input-narrowed not-shown-by-git`},
		{name: "the Applications are renamed", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			want: `answer api-production web-production api-staging web-staging
held api-staging renamed not-shown-by-git
held web-staging renamed not-shown-by-git
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the cluster Secret has another name", before: scene{overlays: "api/staging", clusters: "s:tier=staging t:tier=staging eu:tier=production", platform: renamed}, after: scene{overlays: "api/staging", clusters: "s:tier=staging x@t:tier=staging eu:tier=production", platform: renamed},
			want: `answer api-staging-s api-staging-t
held api-staging-t renamed not-shown-by-git
waiting api-staging-x predecessor api-staging-t`},
		{name: "the new name is live already", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				old := w.Live[1]
				old.Name, old.UID, old.Parameters = "api-staging-s", "new", strings.Replace(old.Parameters, `"name":"api-staging"`, `"name":"api-staging-s"`, 1)
				w.Live = append(w.Live, old)
			},
			want: `answer api-staging-s api-production web-production api-staging web-staging
held api-staging renamed not-shown-by-git
held web-staging renamed not-shown-by-git
waiting web-staging-s predecessor web-staging`},
		{name: "the old name is being deleted", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) { w.Live[1].Deleting, w.Live[3].Deleting = true, true },
			want: `answer api-production web-production
going api-staging
going web-staging
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "a human has deleted what is desired", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Live[1].Deleting = true },
			want:   `answer api-staging api-production web-staging web-production`},
		{name: "an environment's clusters are all gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: "s:tier=staging"},
			want: `answer api-production api-staging web-production web-staging
doubt`},
		{name: "the repository is not known", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) {
				w.Unknown, w.Desired = "the repository cannot be read", nil
				w.Live[0].Deleting = true
			},
			want: `answer api-staging web-production web-staging
doubt
going api-production`},
		{name: "two sets have one name", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Desired = append(w.Desired, w.Desired[0]) },
			want: `answer api-production api-staging web-production web-staging
doubt`},
		{name: "nothing is known and nothing is live", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Unknown, w.Live = "never read", nil },
			want:   `refused not-known 503`},
		{name: "nothing is known, and an Application has no annotation", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Unknown, w.Live[0].Parameters = "never read", "" },
			want:   `refused unreadable 409`},
		{name: "what would go has no annotation", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Live[3].Parameters = "" },
			want:   `refused unreadable 409`},
		{name: "what would go has the annotation of another one", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Live[3].Parameters = w.Live[0].Parameters },
			want:   `refused unreadable 409`},
		{name: "what stays needs no annotation", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Live[3].Parameters = "" },
			want:   `answer api-staging api-production web-staging web-production`},
		{name: "all are being deleted, for others in their place", before: scene{overlays: "api/staging", clusters: two}, after: scene{overlays: "api/staging", clusters: two, platform: renamed},
			change: func(w *admission.World) { w.Live[0].Deleting = true },
			want:   `refused empty 503`},
		{name: "the protected environment has another name, and something goes", before: scene{overlays: both, clusters: two},
			after: scene{overlays: "api/staging api/prod web/prod", clusters: two, platform: strings.Replace(declared, "- name: production", "- name: prod\n    applicationName: \"{service}-production\"", 1)},
			want: `answer api-staging api-production web-production web-staging
held web-staging overlay-gone protected`},
		{name: "nothing is protected, and that was said", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/staging", clusters: two},
			change: func(w *admission.World) { w.Policy.Protected = []string{admission.Nothing} },
			want: `answer api-staging api-production web-staging
released web-production overlay-gone shown-by-git`},
		{name: "a cluster's configuration is gone", before: scene{overlays: "clusters/eu clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}}, after: scene{overlays: "clusters/eu", clusters: two, input: params.Input{Kind: params.ClusterConfig}},
			want: `answer cluster-config-eu cluster-config-s
held cluster-config-s overlay-gone protected`},
		{name: "the ground is not told", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Revision = "" },
			want: `answer api-staging api-production web-production web-staging
held web-staging unexplained not-shown-by-git`},
		{name: "an environment is gone from tidegate.yaml, and its overlays with it", before: scene{overlays: both, clusters: two},
			after: scene{overlays: "api/production web/production", clusters: two, platform: declared[:strings.Index(declared, "  - name: staging")] + declared[strings.Index(declared, "  - name: production"):]},
			want: `answer api-production web-production api-staging web-staging
held api-staging platform-changed not-shown-by-git
held web-staging platform-changed not-shown-by-git`},
		{name: "several go where one comes", before: scene{overlays: "api/staging db/staging", clusters: two}, after: scene{overlays: "pay/staging", clusters: two}, change: inOneNamespace,
			want: `answer pay-staging api-staging db-staging
held api-staging overlay-gone limit
held db-staging overlay-gone limit`},
		{name: "one goes where one is that was there before", before: scene{overlays: "api/staging pay/staging", clusters: two}, after: scene{overlays: "pay/staging", clusters: two}, change: inOneNamespace,
			want: `answer pay-staging
released api-staging overlay-gone shown-by-git`},
		{name: "one goes where one of another environment comes", before: scene{overlays: "api/staging", clusters: two}, after: scene{overlays: "pay/production", clusters: two},
			change: func(w *admission.World) {
				inOneNamespace(w)
				w.Desired[0].Cluster.Server = "https://s"
			},
			want: `answer pay-production api-staging
held api-staging overlay-gone empties`},
		{name: "another kind is asked for", before: scene{overlays: "clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}}, after: scene{overlays: "api/staging clusters/s", clusters: two},
			want: `answer api-staging cluster-config-s
held cluster-config-s input-narrowed not-shown-by-git`},
		{name: "other environments are asked for", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, input: params.Input{Environments: []string{"staging"}}},
			want: `answer api-staging web-staging api-production web-production
held api-production input-narrowed not-shown-by-git
held web-production input-narrowed not-shown-by-git`},
		{name: "no kind is asked for, which is services", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Input.Kind = "" },
			want: `answer api-staging api-production web-production
released web-staging overlay-gone shown-by-git`},
		{name: "a cluster's configuration is told by the label", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Live[3].Labels = map[string]string{params.KindLabel: params.ClusterConfig} },
			want: `answer api-staging api-production web-production web-staging
held web-staging overlay-gone protected`},
		{name: "a cluster's configuration is told by the parameter set, without a label", before: scene{overlays: "clusters/eu clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}}, after: scene{overlays: "clusters/eu", clusters: two, input: params.Input{Kind: params.ClusterConfig}},
			change: func(w *admission.World) { w.Live[1].Labels = nil },
			want: `answer cluster-config-eu cluster-config-s
held cluster-config-s overlay-gone protected`},
		{name: "a cluster's configuration is there, and yields nothing", before: scene{overlays: "clusters/eu clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}}, after: scene{overlays: "clusters/eu clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}},
			change: func(w *admission.World) { w.Desired = w.Desired[:1] },
			want: `answer cluster-config-eu cluster-config-s
held cluster-config-s unexplained not-shown-by-git`},
		{name: "a selector cannot be read, and the overlay is gone", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Environments["staging"] = broken },
			want: `answer api-staging api-production web-production web-staging
held web-staging platform-changed not-shown-by-git`},
		{name: "the cluster was made anew under its name, and the Applications are renamed", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: "eu:tier=production s@other:tier=staging", platform: renamed},
			want: `answer api-production web-production api-staging web-staging
held api-staging renamed not-shown-by-git
held web-staging renamed not-shown-by-git
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the folders are moved within a shared namespace", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				inOneNamespace(w)
				for i := range w.Desired {
					w.Desired[i].Path = "moved/" + w.Desired[i].Path
				}
			},
			want: `answer api-production web-production api-staging web-staging
held api-staging renamed not-shown-by-git
held web-staging renamed not-shown-by-git
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the same folders are of other services in a shared namespace", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				inOneNamespace(w)
				for i := range w.Desired {
					w.Desired[i].Service += "2"
				}
			},
			want: `answer api-production web-production api-staging web-staging
held api-staging renamed not-shown-by-git
held web-staging renamed not-shown-by-git
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the old name is being deleted, and has no annotation", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				for _, at := range []int{1, 3} {
					w.Live[at].Deleting, w.Live[at].Parameters = true, ""
				}
			},
			want: `answer api-production web-production
going api-staging
going web-staging
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the old name is being deleted, tells of another folder, and has no annotation", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				for _, at := range []int{1, 3} {
					w.Live[at].Deleting, w.Live[at].Parameters, w.Live[at].Path = true, "", "elsewhere"
				}
			},
			want: `answer api-production web-production
going api-staging
going web-staging
waiting api-staging-s predecessor api-staging
waiting web-staging-s predecessor web-staging`},
		{name: "the old name is being deleted, has no annotation, and is in another namespace, or of another environment", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				for _, at := range []int{1, 3} {
					w.Live[at].Deleting, w.Live[at].Parameters, w.Live[at].Path = true, "", "elsewhere"
				}
				w.Live[1].DestinationNamespace = "other"
				w.Live[3].Labels = w.Live[2].Labels
			},
			want: `answer api-staging-s api-production web-staging-s web-production
going api-staging
going web-staging`},
		{name: "in doubt, one has the annotation of another one", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Unknown, w.Live[3].Parameters = "never read", w.Live[0].Parameters },
			want:   `refused unreadable 409`},
		{name: "nothing is desired", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Desired = nil },
			want: `answer api-production api-staging web-production web-staging
doubt`},
		{name: "a set has no name", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Desired[1].Name = "" },
			want: `answer api-production api-staging web-production web-staging
doubt`},
		{name: "a set overwrites what the template writes down", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Desired[1].Annotations = map[string]string{params.Annotation: "x"} },
			want: `answer api-production api-staging web-production web-staging
doubt`},
		{name: "one is live twice", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Live = append(w.Live, w.Live[0]) },
			want:   `refused broken 500`},
		{name: "one is live twice, and nothing is known", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.Live, w.Unknown = append(w.Live, w.Live[0]), "never read" },
			want:   `refused broken 500`},
		{name: "a protected environment is told by the parameter set, without a label", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/staging", clusters: two},
			change: func(w *admission.World) { w.Live[2].Labels = nil },
			want: `answer api-staging api-production web-staging web-production
held web-production overlay-gone protected`},
		{name: "a share may go", before: scene{overlays: both + " db/staging", clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Policy.RemovalShare = 40 },
			want: `answer api-staging api-production web-production
released db-staging overlay-gone shown-by-git
released web-staging overlay-gone shown-by-git`},
		{name: "all are others, and one of the old ones is held", before: scene{overlays: "web/staging web/production", clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			want: `answer api-staging web-production
held web-production overlay-gone protected
released web-staging overlay-gone shown-by-git`},
		{name: "a cluster was relabelled, and the input selects it no more", before: scene{overlays: "api/staging", clusters: two + " s2:tier=staging,a=b", platform: renamed},
			after: scene{overlays: "api/staging", clusters: two + ",a=b s2:tier=staging", platform: renamed, input: params.Input{ClusterSelector: selector("a=b")}},
			want: `answer api-staging-s api-staging-s2
held api-staging-s2 cluster-relabelled not-shown-by-git`},
		{name: "the overlay is there, and yields another name and namespace", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two, platform: renamed},
			change: func(w *admission.World) {
				for i := range w.Desired {
					w.Desired[i].Service, w.Desired[i].Namespace = w.Desired[i].Service+"2", "shared"
				}
			},
			want: `answer api-staging-s api-production web-staging-s web-production api-staging web-staging
held api-staging unexplained not-shown-by-git
held web-staging unexplained not-shown-by-git`},
		{name: "it was made after the repository was last seen to be at its newest", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Confirmed = w.Live[3].Created.Add(time.Minute) },
			want: `answer api-staging api-production web-production web-staging
held web-staging younger-than-revision not-shown-by-git`},
		{name: "one that is old was adopted just now", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) {
				w.Ground.Confirmed = w.Live[3].Created.Add(time.Hour)
				w.Live[3].Written = w.Ground.Confirmed.Add(-time.Minute)
			},
			want: `answer api-staging api-production web-production web-staging
held web-staging younger-than-revision not-shown-by-git`},
		{name: "it is not known that the repository was at its newest", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Confirmed = time.Time{} },
			want: `answer api-staging api-production web-production web-staging
held web-staging younger-than-revision not-shown-by-git`},
		{name: "it was made long before the repository was last seen to be at its newest", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging api/production web/production", clusters: two},
			change: func(w *admission.World) { w.Ground.Confirmed = w.Live[3].Created.Add(3 * time.Minute) },
			want: `answer api-staging api-production web-production
released web-staging overlay-gone shown-by-git`},
		{name: "the folder of a service is renamed", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging pay/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				inOneNamespace(w)
				deliver(w, map[string]string{"api": "api web", "web": "web", "pay": "new api"})
			},
			want: `answer web-staging web-production api-production api-staging
held api-production renamed not-shown-by-git
held api-staging renamed not-shown-by-git
waiting pay-staging predecessor api-staging
waiting pay-production predecessor api-production`},
		{name: "the folder of a service is renamed, and the old name is being deleted", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				deliver(w, map[string]string{"api": "api", "web": "web", "pay": "api"})
				for i := range w.Live {
					if w.Live[i].Name == "api-staging" {
						w.Live[i].Deleting, w.Live[i].Parameters = true, ""
					}
				}
			},
			want: `answer api-production web-staging web-production
going api-staging
waiting pay-staging predecessor api-staging`},
		{name: "a service that delivers other things comes where another one goes", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				inOneNamespace(w)
				deliver(w, map[string]string{"api": "api", "web": "web", "pay": "pay"})
			},
			want: `answer pay-staging api-production web-staging web-production
released api-staging overlay-gone shown-by-git`},
		{name: "a service comes where another one goes, and shares with it what one that stays has as well", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				inOneNamespace(w)
				deliver(w, map[string]string{"api": "api namespace", "web": "web namespace", "pay": "pay namespace"})
			},
			want: `answer pay-staging api-production web-staging web-production
released api-staging overlay-gone shown-by-git`},
		{name: "a service whose overlay cannot be rendered comes where another one goes", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				inOneNamespace(w)
				w.Ground.Unrendered["services/pay/overlays/staging"] = true
			},
			want: `answer api-production web-staging web-production api-staging
held api-staging renamed not-shown-by-git
waiting pay-staging predecessor api-staging`},
		{name: "a service whose overlay cannot be rendered comes where one without an annotation is being deleted", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/staging api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				w.Live[1].Deleting, w.Live[1].Parameters, w.Live[1].DestinationNamespace = true, "", "pay-staging"
				w.Ground.Unrendered["services/pay/overlays/staging"] = true
			},
			want: `answer api-production web-staging web-production
going api-staging
waiting pay-staging predecessor api-staging`},
		{name: "a cluster's configuration that cannot be rendered comes where a service goes", before: scene{overlays: "api/staging clusters/s", clusters: two}, after: scene{overlays: "api/staging clusters/s", clusters: two, input: params.Input{Kind: params.ClusterConfig}},
			change: func(w *admission.World) {
				w.Live[0].DestinationNamespace = w.Desired[0].Namespace
				w.Ground.Unrendered[w.Desired[0].Path] = true
			},
			want: `answer cluster-config-s api-staging
held api-staging input-narrowed not-shown-by-git`},
		{name: "the same is delivered to another cluster", before: scene{overlays: both, clusters: two}, after: scene{overlays: "pay/production api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				deliver(w, map[string]string{"api": "api", "web": "web", "pay": "api"})
			},
			want: `answer pay-production api-production web-staging web-production
released api-staging overlay-gone shown-by-git`},
		{name: "what goes has delivered what one that stays delivers, too", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/production web/staging web/production", clusters: two},
			change: func(w *admission.World) {
				deliver(w, map[string]string{"api": "shared", "web": "shared"})
			},
			want: `answer api-production web-staging web-production
released api-staging overlay-gone shown-by-git`},
		{name: "a preview", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			change: func(w *admission.World) { w.ApplicationSet, w.Live = nil, nil },
			want: `answer api-staging
unguarded preview`},
		{name: "the ApplicationSet is not there, its Applications are", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			change: func(w *admission.World) { w.ApplicationSet = nil },
			want:   `refused orphaned 503`},
		{name: "a preview of what is not known", before: scene{overlays: both, clusters: two}, after: scene{overlays: both, clusters: two},
			change: func(w *admission.World) { w.ApplicationSet, w.Live, w.Unknown = nil, nil, "never read" },
			want:   `refused not-known 503`},
		{name: "the guard is off", before: scene{overlays: both, clusters: two}, after: scene{overlays: "api/staging", clusters: two},
			change: func(w *admission.World) {
				w.ApplicationSet.Annotations = map[string]string{admission.GuardAnnotation: "off"}
			},
			want: `answer api-staging
unguarded guard-off`},
	} {
		t.Run(test.name, func(t *testing.T) {
			world := installed(t, test.before).now(test.after)
			if test.change != nil {
				test.change(&world)
			}
			decision, err := admission.Decide(world)
			if diff := cmp.Diff(test.want, said(decision, err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// broken is a selector that no label selector can be made of.
var broken = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Broken"}}}

// inOneNamespace puts everything, live or desired, into one namespace.
func inOneNamespace(w *admission.World) {
	for i := range w.Desired {
		w.Desired[i].Namespace = "shared"
	}
	for i := range w.Live {
		app := &w.Live[i]
		app.Parameters = strings.Replace(app.Parameters, `"namespace":"`+app.DestinationNamespace+`"`, `"namespace":"shared"`, 1)
		app.DestinationNamespace = "shared"
		// Told by the parameter set alone.
		app.DestinationServer, app.DestinationName = "", ""
	}
}

// deliver says which Deployments services deliver: of those that are live, and of those that are desired.
func deliver(w *admission.World, by map[string]string) {
	hashes := func(names string) (out []uint64) {
		for _, name := range strings.Fields(names) {
			out = append(out, manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shared", Name: name}.Hash())
		}
		return out
	}
	for i := range w.Live {
		service, _, _ := strings.Cut(w.Live[i].Name, "-")
		w.Live[i].Resources = hashes(by[service])
	}
	for i := range w.Desired {
		w.Ground.Resources[w.Desired[i].Path] = hashes(by[w.Desired[i].Service])
	}
}

func TestChangesFlowWhileSomethingIsHeld(t *testing.T) {
	argo := installed(t, scene{overlays: both, clusters: two})
	world := argo.now(scene{overlays: "api/staging api/production web/staging", clusters: two})
	for i := range world.Desired {
		world.Desired[i].TargetRevision = "next"
	}
	decision := decide(t, world)
	argo.apply(decision, noon)
	for name, want := range map[string]string{"api-staging": "next", "api-production": "next", "web-staging": "next", "web-production": "main"} {
		if got := argo.apps[name].generated.Spec.Source.TargetRevision; got != want {
			t.Errorf("%s follows %s, want %s", name, got, want)
		}
	}
}

func TestItIsToldWhenTimeAloneChangesTheAnswer(t *testing.T) {
	before := scene{overlays: "a/staging a/production b/staging b/production", clusters: two}
	after := scene{overlays: "a/staging a/production b/production c/staging c/production", clusters: two}
	for _, test := range []struct {
		name   string
		change func(*admission.World)
		want   time.Time
	}{
		{"nothing is new", func(*admission.World) {}, time.Time{}},
		{"two have not settled", func(w *admission.World) {
			w.Live[0].Created, w.Live[0].Reconciled = noon.Add(-time.Minute), false
			w.Live[1].Created, w.Live[1].Reconciled = noon.Add(-3*time.Minute), false
		}, noon.Add(7 * time.Minute)},
		{"the later one is listed first", func(w *admission.World) {
			w.Live[1].Created, w.Live[1].Reconciled = noon.Add(-time.Minute), false
			w.Live[0].Created, w.Live[0].Reconciled = noon.Add(-3*time.Minute), false
		}, noon.Add(7 * time.Minute)},
		{"one may be of a newer revision", func(w *admission.World) {
			w.Live[3].Created, w.Ground.Confirmed = noon, noon.Add(time.Minute)
		}, noon.Add(2 * time.Minute)},
	} {
		t.Run(test.name, func(t *testing.T) {
			world := installed(t, before).now(after)
			test.change(&world)
			if got := decide(t, world).Next; !got.Equal(test.want) {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestNewApplicationsComeInSteps(t *testing.T) {
	const five = "a/staging a/production b/staging b/production c/staging c/production"
	young := func(w *admission.World, at int) *admission.World {
		w.Live[at].Created = w.Now.Add(-time.Minute)
		return w
	}
	for _, test := range []struct {
		name   string
		before scene
		change func(*admission.World)
		want   string
	}{
		{"one is settled", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 0)
			young(w, 1)
		}, `answer a-staging a-production b-staging b-production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"staging is not settled", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 1).Live[1].Health = "Progressing"
		}, `answer a-staging a-production
waiting b-staging ramp staging
waiting b-production earlier-environment staging
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"production runs an operation", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 0).Live[0].OperationRunning = true
		}, `answer a-staging a-production b-staging
waiting b-production ramp production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"Argo CD has not looked at it", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 0).Live[0].Reconciled = false
		}, `answer a-staging a-production b-staging
waiting b-production ramp production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"it never settles, and its time is out", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			w.Live[1].Reconciled, w.Live[1].Created = false, w.Now.Add(-10*time.Minute)
		}, `answer a-staging a-production b-staging b-production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"it is degraded", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 1).Live[1].Health = "Degraded"
		}, `answer a-staging a-production b-staging b-production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"one without labels is not settled", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 1).Live[1].Health, w.Live[1].Labels = "Progressing", nil
		}, `answer a-staging a-production
waiting b-staging ramp staging
waiting b-production earlier-environment staging
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"staging is there under another name", scene{overlays: "a/staging b/staging a/production", clusters: two}, func(w *admission.World) {
			for i := range w.Desired {
				if w.Desired[i].Name == "b-staging" {
					w.Desired[i].Name = "b-renamed"
				}
			}
		}, `answer a-staging a-production b-production c-staging b-staging
held b-staging renamed not-shown-by-git
waiting b-renamed predecessor b-staging
waiting c-production ramp production`},
		{"it is being deleted", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			young(w, 1).Live[1].Reconciled, w.Live[1].Deleting = false, true
		}, `answer a-staging a-production b-staging b-production
waiting c-staging ramp staging
waiting c-production earlier-environment staging`},
		{"another ApplicationSet has it", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			w.Taken = map[string]string{"b-staging": "other"}
		}, `answer a-staging a-production b-production c-staging
waiting b-staging other-owner other
waiting c-production ramp production`},
		{"a project is missing", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			w.Projects = map[string]bool{"team": true}
			w.Desired[2].Project = "none"
		}, `answer a-staging a-production c-staging c-production
waiting b-staging no-project none
waiting b-production earlier-environment staging`},
		{"any number", scene{overlays: "a/staging a/production", clusters: two}, func(w *admission.World) {
			w.Policy.Ramp = 0
		}, `answer a-staging a-production b-staging b-production c-staging c-production`},
	} {
		t.Run(test.name, func(t *testing.T) {
			world := installed(t, test.before).now(scene{overlays: five, clusters: two})
			world.Policy.Ramp = 1
			test.change(&world)
			decision, err := admission.Decide(world)
			if diff := cmp.Diff(test.want, said(decision, err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheBodyIsWhatArgoCDExpects(t *testing.T) {
	here := scene{overlays: both, clusters: two}
	world := here.world()
	want, err := json.Marshal((&params.Result{Sets: world.Desired}).Answer())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("x"+string(want), string(decide(t, world).AppendBody([]byte("x")))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(string(want), string(decide(t, world).Body())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	held := decide(t, installed(t, here).now(scene{overlays: "api/staging web/staging web/production", clusters: two}))
	if diff := cmp.Diff(string(held.AppendBody(nil)), string(held.Body())); diff != "" || len(held.Held) != 1 {
		t.Errorf("with one that is held, -want +got:\n%s", diff)
	}
}
