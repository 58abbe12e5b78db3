package wave_test

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/plugin/wave"
)

// service is one of many: ten objects that refer to each other, and to one namespace.
const service = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api-NUMBER, labels: {app: api-NUMBER}}
spec:
  selector: {matchLabels: {app: api-NUMBER}}
  template:
    metadata: {labels: {app: api-NUMBER, part-of: shop}}
    spec:
      serviceAccountName: api-NUMBER
      imagePullSecrets: [{name: registry}]
      containers:
      - name: api
        image: ghcr.io/myorg/api:sha-a1b2c3d
        env:
        - {name: A, valueFrom: {configMapKeyRef: {name: api-NUMBER, key: a}}}
        envFrom: [{secretRef: {name: api-NUMBER}}]
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz/ready, port: 8080}}
      volumes: [{name: data, persistentVolumeClaim: {claimName: api-NUMBER}}]
---
apiVersion: v1
kind: Service
metadata: {name: api-NUMBER}
spec: {selector: {app: api-NUMBER}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: api-NUMBER}
data: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api-NUMBER}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: api-NUMBER}
spec: {secretStoreRef: {name: store}, dataFrom: [{extract: {key: api-NUMBER}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api-NUMBER}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api-NUMBER}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: api-NUMBER}
spec: {selector: {matchLabels: {part-of: shop, app: api-NUMBER}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api-NUMBER}
spec: {podSelector: {matchLabels: {part-of: shop, app: api-NUMBER}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api-NUMBER}
spec: {rules: [{host: api-NUMBER, http: {paths: [{backend: {service: {name: api-NUMBER, port: {number: 80}}}}]}}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: api-NUMBER}
`

// Planning is linear: ns/resource stays the same from ten resources to ten thousand.
func BenchmarkCompute(b *testing.B) {
	for _, count := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("resources=%d", count), func(b *testing.B) {
			set := repeated(b, "", service, count)
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
