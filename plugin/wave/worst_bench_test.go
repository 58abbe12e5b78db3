package wave_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/wave"
)

// worst are sets that would show quadratic work, by what repeats in them.
var worst = []struct{ name, head, each string }{
	{"jobs", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: last}", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: jNUMBER}"},
	{"claims", "", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: cNUMBER}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: pNUMBER}\nspec: {volumes: [{persistentVolumeClaim: {claimName: cNUMBER}}]}"},
	{"webhooks", "apiVersion: v1\nkind: Service\nmetadata: {name: s}", "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: wNUMBER}\nwebhooks: [{name: a, rules: [{apiGroups: [gNUMBER.com], resources: ['*'], operations: ['*']}], clientConfig: {service: {name: s, namespace: shop}}}]\n---\napiVersion: gNUMBER.com/v1\nkind: K\nmetadata: {name: x}"},
	{"selectors", "", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: nNUMBER}\nspec: {podSelector: {matchLabels: {part-of: all}, matchExpressions: [{key: app, operator: In, values: [aNUMBER]}]}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: pNUMBER, labels: {part-of: all, app: aNUMBER}}"},
	{"chain", "apiVersion: v1\nkind: Pod\nmetadata: {name: last}", "apiVersion: v1\nkind: Pod\nmetadata: {name: pNUMBER, annotations: {config.kubernetes.io/depends-on: /namespaces/shop/Pod/last}}"},
	{"pins", "apiVersion: v1\nkind: Pod\nmetadata: {name: last}", "apiVersion: v1\nkind: Pod\nmetadata: {name: pNUMBER, annotations: {argocd.argoproj.io/sync-wave: 'NUMBER', config.kubernetes.io/depends-on: /namespaces/shop/Pod/last}}"},
}

// Work grows with resources plus edges, whatever repeats: ns/resource stays the same from 1,000 to 10,000.
func BenchmarkWorstSets(b *testing.B) {
	for _, w := range worst {
		for _, count := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s=%d", w.name, count), func(b *testing.B) {
				set := repeated(b, w.head, w.each, count)
				for b.Loop() {
					if _, err := wave.Compute(set, wave.Options{Namespace: "shop"}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/resource")
			})
		}
	}
}

func repeated(t testing.TB, head, each string, count int) []manifest.Object {
	set, template := objects(t, head), objects(t, each)
	for i := 0; len(set) < count; i++ {
		for _, object := range template {
			set = append(set, numbered(map[string]any(object), fmt.Sprint(i)).(map[string]any))
		}
	}
	return set
}

// numbered copies a value with NUMBER replaced.
func numbered(value any, number string) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, element := range v {
			out[key] = numbered(element, number)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = numbered(element, number)
		}
		return out
	case string:
		return strings.ReplaceAll(v, "NUMBER", number)
	}
	return value
}
