package refer

import "sort"

// podIndex finds the objects whose pods a selector selects without looking at all of them.
type podIndex struct {
	byNamespace map[string][]int
	byLabel     map[label][]int
	byKey       map[label][]int // with an empty value
}

type label struct{ namespace, key, value string }

func (f *finder) index() {
	f.pods = podIndex{map[string][]int{}, map[label][]int{}, map[label][]int{}}
	for i := range f.set.Items {
		item := &f.set.Items[i]
		if item.Pods == nil {
			continue
		}
		ns := item.ID.Namespace
		f.pods.byNamespace[ns] = append(f.pods.byNamespace[ns], i)
		for key, value := range item.Pods.Labels {
			if text, ok := value.(string); ok {
				f.pods.byLabel[label{ns, key, text}] = append(f.pods.byLabel[label{ns, key, text}], i)
				f.pods.byKey[label{ns, key, ""}] = append(f.pods.byKey[label{ns, key, ""}], i)
			}
		}
	}
}

// selected returns the objects in the namespace whose pods the selector selects, in the order of the set.
func (f *finder) selected(namespace string, s selector) []int {
	var out []int
	for _, i := range f.pods.candidates(namespace, s) {
		if s.matches(f.set.Items[i].Pods.Labels) {
			out = append(out, i)
		}
	}
	return out
}

// candidates is the shortest list that is sure to hold all that the selector selects.
func (p *podIndex) candidates(namespace string, s selector) []int {
	best := p.byNamespace[namespace]
	for key, value := range s.labels {
		text, _ := value.(string)
		if list := p.byLabel[label{namespace, key, text}]; len(list) < len(best) {
			best = list
		}
	}
	for _, expression := range s.expressions {
		e, _ := expression.(map[string]any)
		key, _ := e["key"].(string)
		switch e["operator"] {
		case "Exists":
			if list := p.byKey[label{namespace, key, ""}]; len(list) < len(best) {
				best = list
			}
		case "In":
			if list := p.anyOf(namespace, key, e["values"]); len(list) < len(best) {
				best = list
			}
		}
	}
	return best
}

// anyOf joins the lists of several values of one label, ascending.
func (p *podIndex) anyOf(namespace, key string, values any) []int {
	var out []int
	list, _ := values.([]any)
	seen := map[string]bool{}
	for _, value := range list {
		if text, _ := value.(string); !seen[text] {
			seen[text] = true
			out = append(out, p.byLabel[label{namespace, key, text}]...)
		}
	}
	sort.Ints(out)
	return out
}
