package refer

import (
	"fmt"
	"strings"
)

// step is one step of a field path.
type step struct {
	key  string // of a map; "" for a step into a list or into every value of a map
	list bool
}

// parsePath reads spec.a[].b, spec.a[*].b for every value of a map, and spec["a.b/c"] for keys with dots.
func parsePath(text string) ([]step, error) {
	var steps []step
	for rest := text; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "[]"):
			steps, rest = append(steps, step{list: true}), rest[2:]
		case strings.HasPrefix(rest, "[*]"):
			steps, rest = append(steps, step{}), rest[3:]
		case strings.HasPrefix(rest, `["`):
			key, after, ok := strings.Cut(rest[2:], `"]`)
			if !ok || key == "" {
				return nil, fmt.Errorf("field %q: a key in brackets must end with \"]", text)
			}
			steps, rest = append(steps, step{key: key}), after
		default:
			if len(steps) > 0 {
				var ok bool
				if rest, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, fmt.Errorf("field %q: expected . or [ at %q", text, rest)
				}
			}
			end := strings.IndexAny(rest, ".[]")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("field %q: a key is missing at %q", text, rest)
			}
			steps, rest = append(steps, step{key: rest[:end]}), rest[end:]
		}
	}
	if len(steps) == 0 || steps[0].key == "" {
		return nil, fmt.Errorf("field %q must begin with a key, such as spec", text)
	}
	return steps, nil
}

// trail is where a walk is: the steps taken from the object.
type trail []string

// String writes the trail as people write paths: spec.containers[0].env["a.b"].
func (t trail) String() string {
	var out strings.Builder
	for _, part := range t {
		if part[0] != '[' && out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(part)
	}
	return out.String()
}

// keyPart is a key as part of a trail.
func keyPart(key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"/") {
		return `["` + key + `"]`
	}
	return key
}
