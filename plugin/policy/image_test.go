package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/policy"
)

const digest = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

func TestAnImageThatMovesIsToldFromOneThatDoesNot(t *testing.T) {
	const latest, neither, bad = "has the tag latest, which moves", "has neither tag nor digest", "has no tag, and what follows the @ is no digest"
	for _, test := range []struct{ name, image, says string }{
		{"tag", "ghcr.io/myorg/payments-api:sha-a1b2c3d", ""},
		{"tag without a registry", "nginx:1.27", ""},
		{"tag behind a port", "registry.internal:5000/payments/api:1", ""},
		{"digest", "nginx@" + digest, ""},
		{"digest behind a port", "localhost:5000/nginx@" + digest, ""},
		{"tag and digest", "nginx:1.27@" + digest, ""},
		{"latest, but with a digest", "nginx:latest@" + digest, ""},
		{"a tag that only begins with latest", "nginx:latest-alpine", ""},
		{"a tag in other letters is another tag", "nginx:LATEST", ""},
		{"a path that ends in latest", "myorg/latest:1", ""},
		{"IPv6 registry", "[::1]:5000/nginx:1", ""},
		{"a bad digest beside a tag", "nginx:1.27@sha256:short", ""},
		{"no image", "", ""},

		{"latest", "nginx:latest", latest},
		{"latest behind a port", "registry.internal:5000/payments/api:latest", latest},
		{"latest and a bad digest", "nginx:latest@sha256", latest},
		{"latest and a blank", "nginx:latest ", latest},
		{"nothing", "nginx", neither},
		{"nothing behind a port", "registry.internal:5000/payments/api", neither},
		{"nothing behind an IPv6 registry", "[::1]:5000/nginx", neither},
		{"empty tag", "nginx:", neither},
		{"uppercase junk", "NGINX/FOO", neither},
		{"a path called latest", "myorg/latest", neither},
		{"empty digest", "nginx@", bad},
		{"digest without an algorithm", "nginx@2c26b46b68ffc68ff99b453c1d304134", bad},
		{"digest in capitals", "nginx@sha256:" + strings.ToUpper(digest[7:]), bad},
		{"digest too short", "nginx@sha256:2c26b46b", bad},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings := policy.Check([]manifest.Object{{
				"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "p"},
				"spec": map[string]any{"containers": []any{map[string]any{"name": "c", "image": test.image}}},
			}}, policy.Options{})
			switch {
			case test.says == "" && len(findings) > 0:
				t.Errorf("got %v", findings)
			case test.says != "" && (len(findings) != 1 || !strings.HasPrefix(findings[0].Message, `"`+test.image+`" `+test.says+"; ")):
				t.Errorf("got %v, want %s", findings, test.says)
			}
		})
	}
}

func TestImagesAreFoundWhereverPodsAreDescribed(t *testing.T) {
	const pod = "{initContainers: [{image: a}], containers: [{image: 'b:1'}, {image: b}], ephemeralContainers: [{image: c}], volumes: [{emptyDir: {}}, {image: {reference: d}}]}"
	for _, test := range []struct{ name, apiVersion, body, path string }{
		{"Pod", "v1", "spec: " + pod, "spec"},
		{"PodTemplate", "v1", "template: {spec: " + pod + "}", "template.spec"},
		{"ReplicationController", "v1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"Deployment", "apps/v1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"ReplicaSet", "apps/v1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"StatefulSet", "apps/v1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"DaemonSet", "apps/v1beta2", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"Deployment", "extensions/v1beta1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"DaemonSet", "extensions/v1beta1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"ReplicaSet", "extensions/v1beta1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"Job", "batch/v1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
		{"CronJob", "batch/v1beta1", "spec: {jobTemplate: {spec: {template: {spec: " + pod + "}}}}", "spec.jobTemplate.spec.template.spec"},
		{"Rollout", "argoproj.io/v1alpha1", "spec: {template: {spec: " + pod + "}}", "spec.template.spec"},
	} {
		t.Run(test.apiVersion+" "+test.name, func(t *testing.T) {
			in := objects(t, "apiVersion: "+test.apiVersion+"\nkind: "+test.name+"\nmetadata: {name: workload}\n"+test.body)
			var fields []string
			for _, finding := range policy.Check(in, policy.Options{}) {
				fields = append(fields, finding.Field)
			}
			want := []string{
				test.path + ".initContainers[0].image", test.path + ".containers[1].image",
				test.path + ".ephemeralContainers[0].image", test.path + ".volumes[1].image.reference",
			}
			if diff := cmp.Diff(want, fields); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoImageToPullIsLeftAlone(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"Istio's placeholder", "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: istio-proxy, image: auto}]}}"},
		{"a Rollout that refers to a Deployment", "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: p}, spec: {workloadRef: {kind: Deployment, name: d}}}"},
		{"another group's Deployment", "{apiVersion: example.com/v1, kind: Deployment, metadata: {name: p}, spec: {template: {spec: {containers: [{image: a}]}}}}"},
		{"containers that are no list, images that are no text", "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: {image: a}, initContainers: [a, {image: 7}, null], volumes: [x, {image: y}]}}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if findings := policy.Check(objects(t, test.in), policy.Options{}); len(findings) > 0 {
				t.Errorf("got %v", findings)
			}
		})
	}
}
