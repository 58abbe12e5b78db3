package wave_test

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// service is one of many: ten objects that refer to each other, and to one namespace.
const service = `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, labels: {app: NAME}}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, part-of: shop}}
    spec:
      serviceAccountName: NAME
      imagePullSecrets: [{name: registry}]
      containers:
      - name: api
        image: ghcr.io/myorg/api:sha-a1b2c3d
        env:
        - {name: A, valueFrom: {configMapKeyRef: {name: NAME, key: a}}}
        envFrom: [{secretRef: {name: NAME}}]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz/ready, port: 8080}}
      volumes: [{name: data, persistentVolumeClaim: {claimName: NAME}}]
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: NAME}
spec: {secretStoreRef: {name: store}, dataFrom: [{extract: {key: NAME}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: NAME}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: NAME}
spec: {selector: {matchLabels: {part-of: shop, app: NAME}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {matchLabels: {part-of: shop, app: NAME}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec: {rules: [{host: NAME, http: {paths: [{backend: {service: {name: NAME, port: {number: 80}}}}]}}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
`

func many(t testing.TB, count int) []manifest.Object {
	template := objects(t, service)
	var out []manifest.Object
	for i := 0; len(out) < count; i++ {
		for _, object := range template {
			out = append(out, replaced(map[string]any(object), fmt.Sprintf("api-%05d", i)).(map[string]any))
		}
	}
	return out[:count]
}

// replaced copies a value with NAME replaced.
func replaced(value any, name string) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, element := range v {
			out[key] = replaced(element, name)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = replaced(element, name)
		}
		return out
	case string:
		if v == "NAME" {
			return name
		}
	}
	return value
}

// Planning is linear: ns/resource stays the same from ten resources to ten thousand.
func BenchmarkCompute(b *testing.B) {
	for _, count := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("resources=%d", count), func(b *testing.B) {
			set := many(b, count)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wave.Compute(set, wave.Options{Namespace: "shop"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/resource")
		})
	}
}
