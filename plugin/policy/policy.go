// Package policy says what must not be rendered: plain Secrets, an empty result, images that float, objects that Argo CD
// would misread.
//
// It looks at the objects as Argo CD will: what has a list named items is unfolded into its items, one level deep. It
// does not look for Secrets in templates of other kinds (the template of an ExternalSecret, a Helm value, an object in a
// ConfigMap's text).
//
// It never changes an object, never reads a file or the cluster, and never prints what is in a Secret: key names only.
package policy

import (
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

//go:generate go run ./internal/gendocs

// Options say how strict a Check is. The zero value enforces, and warns of floating images.
type Options struct {
	// Level says what becomes of findings. What is neither Off nor Warn enforces.
	Level Level
	// FloatingImages is the severity of an image that floats: Error where the environment refuses it, otherwise Warning.
	FloatingImages Severity
	// Namespace is the destination's: objects that name none are there. It tells the check for duplicates that the same
	// object is written once with it and once without.
	Namespace string
}

// Check runs every check of the table over the objects of one render. Errors come first, then the table's order, then
// the objects'.
func Check(objects []manifest.Object, opts Options) Findings {
	if opts.Level == Off {
		return nil
	}
	run := &run{objects: unfold(objects), namespace: opts.Namespace}
	for i := range table {
		run.check = &table[i]
		run.severity = run.check.severity(opts)
		run.count = 0
		run.check.find(run)
		run.summarize()
	}
	return run.findings.sorted()
}

// run is one Check: what is looked at, and what was found so far.
type run struct {
	objects   []manifest.Object
	namespace string
	findings  Findings

	check    *Row
	severity Severity
	count    int
}

// report adds a finding of the check at hand. The pairs replace {placeholders} in its message.
func (r *run) report(object manifest.Object, field string, pairs ...string) {
	r.count++
	if r.count > MaxPerCheck {
		return
	}
	r.findings = append(r.findings, Finding{
		Check:    r.check.Name,
		Severity: r.severity,
		ID:       object.ID(),
		Field:    field,
		Message:  strings.NewReplacer(pairs...).Replace(r.check.Message + "; " + r.check.WayOut),
	})
}

// unfold puts the items of lists in the place of the lists, as Argo CD's repo-server does (reposerver/repository,
// GenerateManifests): whatever has a list named items is one, of whatever kind, and a null list is nothing.
func unfold(objects []manifest.Object) []manifest.Object {
	for i, object := range objects {
		if _, isList := items(object); !isList {
			continue
		}
		out := append([]manifest.Object(nil), objects[:i]...)
		for _, object := range objects[i:] {
			list, isList := items(object)
			if !isList {
				out = append(out, object)
				continue
			}
			for _, item := range list {
				object, _ := item.(map[string]any)
				out = append(out, object)
			}
		}
		return out
	}
	return objects
}

func items(object manifest.Object) (list []any, isList bool) {
	value, present := object["items"]
	if list, isList = value.([]any); isList {
		return list, true
	}
	_, hasSpec := object["spec"]
	_, hasStatus := object["status"]
	return nil, present && value == nil && !hasSpec && !hasStatus
}
