package admission

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// doubt says why what is desired may not be the truth; empty if it may be trusted.
func (w *World) doubt() string {
	if w.Unknown != "" {
		return w.Unknown
	}
	if len(w.Desired) == 0 {
		return "repository and fleet demand no Application at all"
	}
	names := make(map[string]bool, len(w.Desired))
	for i := range w.Desired {
		set := &w.Desired[i]
		switch _, overwritten := set.Annotations[params.Annotation]; {
		case set.Name == "":
			return fmt.Sprintf("the parameter set of %s has no name", set.Path)
		case names[set.Name]:
			return fmt.Sprintf("two parameter sets are named %s", set.Name)
		case overwritten:
			return fmt.Sprintf("the parameter set %s has an annotation %s, which would overwrite the template's", set.Name, params.Annotation)
		}
		names[set.Name] = true
	}
	return ""
}

// stand answers with every live Application as it is. One whose deletion is under way is not among them: that cannot be
// taken back, and the answer would make it anew.
func (w *World) stand(doubt string) (*Decision, error) {
	d := &Decision{Doubt: doubt}
	var unreadable []string
	for _, app := range byName(w.Live) {
		if app.Deleting {
			d.Going = append(d.Going, app.Name)
			continue
		}
		if err := holdable(app); err != nil {
			unreadable = append(unreadable, fmt.Sprintf("%s: %v", app.Name, err))
			continue
		}
		d.Parameters = append(d.Parameters, raw(app))
	}
	switch {
	case len(unreadable) > 0:
		return nil, refuse(Unreadable, "%s; so everything must stay as it is, and these Applications cannot be held: %s. "+
			"They get their annotation back with the first answer once the sources are known", doubt, few(unreadable))
	case len(d.Parameters) == 0:
		return nil, refuse(NotKnown, "%s; there is no live Application to hold, so there is no answer", doubt)
	}
	return d, nil
}

// byName sorts Applications without changing the list.
func byName(apps []live.Application) []*live.Application {
	out := make([]*live.Application, len(apps))
	for i := range apps {
		out[i] = &apps[i]
	}
	slices.SortFunc(out, func(a, b *live.Application) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// few lists the first of many, a line each.
func few(lines []string) string {
	const most = 10
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}
