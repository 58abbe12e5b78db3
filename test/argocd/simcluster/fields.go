package simcluster

import (
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// at walks maps by field name and returns what is there, or nil.
func at(in any, fields ...string) any {
	for _, field := range fields {
		m, ok := in.(map[string]any)
		if !ok {
			return nil
		}
		in = m[field]
	}
	return in
}

func str(in any, fields ...string) string {
	s, _ := at(in, fields...).(string)
	return s
}

func list(in any, fields ...string) []any {
	l, _ := at(in, fields...).([]any)
	return l
}

func dict(in any, fields ...string) map[string]any {
	m, _ := at(in, fields...).(map[string]any)
	return m
}

func truth(in any, fields ...string) bool {
	b, _ := at(in, fields...).(bool)
	return b
}

// number reads an integer, or the default where there is none.
func number(in any, otherwise int64, fields ...string) int64 {
	switch n := at(in, fields...).(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return otherwise
}

func words(in []any) []string {
	var out []string
	for _, item := range in {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func stringMap(in map[string]any) map[string]string {
	out := map[string]string{}
	for key, value := range in {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

// selects says whether a label selector in its full form takes these labels; an absent one takes none.
func selects(selector map[string]any, of map[string]string) bool {
	if selector == nil {
		return false
	}
	var typed metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &typed); err != nil {
		return false
	}
	parsed, err := metav1.LabelSelectorAsSelector(&typed)
	return err == nil && parsed.Matches(labels.Set(of))
}

func resource(gk schema.GroupKind, namespace, name string) kube.ResourceKey {
	return kube.NewResourceKey(gk.Group, gk.Kind, namespace, name)
}

func core(kind, namespace, name string) kube.ResourceKey {
	return kube.NewResourceKey("", kind, namespace, name)
}

// condition is one entry of status.conditions, as controllers write it.
func condition(kind string, holds bool, reason, message string) map[string]any {
	status := "False"
	if holds {
		status = "True"
	}
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": message}
}

func conditions(of ...map[string]any) []any {
	out := make([]any, 0, len(of))
	for _, c := range of {
		out = append(out, c)
	}
	return out
}
