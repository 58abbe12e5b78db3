package refer

import "slices"

// selector is a LabelSelector.
type selector struct {
	labels      map[string]any
	expressions []any
}

// readSelector reads a LabelSelector; ok is false where there is none, which selects nothing.
func readSelector(value any) (selector, bool) {
	m, ok := value.(map[string]any)
	if !ok {
		return selector{}, false
	}
	s := selector{}
	s.labels, _ = m["matchLabels"].(map[string]any)
	s.expressions, _ = m["matchExpressions"].([]any)
	return s, true
}

// matches says whether the selector selects these labels. An expression that Kubernetes would reject selects nothing.
func (s selector) matches(labels map[string]any) bool {
	for key, value := range s.labels {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	for _, expression := range s.expressions {
		e, _ := expression.(map[string]any)
		if !matchesExpression(e, labels) {
			return false
		}
	}
	return true
}

func matchesExpression(e map[string]any, labels map[string]any) bool {
	key, _ := e["key"].(string)
	values, _ := e["values"].([]any)
	have, ok := labels[key]
	switch e["operator"] {
	case "In":
		return ok && contains(values, have)
	case "NotIn":
		return !ok || !contains(values, have)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}

// contains compares strings only: labels are strings.
func contains(values []any, value any) bool {
	text, ok := value.(string)
	return ok && slices.ContainsFunc(values, func(v any) bool { return v == text })
}
