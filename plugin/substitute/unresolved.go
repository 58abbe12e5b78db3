package substitute

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

const (
	// MaxListed is how many variables Find and an UndefinedError list at the most.
	MaxListed = 100
	// maxShown is how many of them an error's text shows.
	maxShown = 10
	// maxText is the length at which a path or a name in an error's text is cut.
	maxText = 300
)

// Unresolved is one variable that is still there, in one string of one object.
type Unresolved struct {
	ID manifest.ID `json:"id"`
	// Field is where it stands: spec.template.spec.containers[0].image, or data["nginx.conf"].
	Field string `json:"field"`
	// Variable is its name, without dollar and braces.
	Variable string `json:"variable"`
	// Nearest is a defined name that was probably meant, or empty.
	Nearest string `json:"nearest,omitempty"`
	// InKey says that it stands in the last map key of Field: a value would not help.
	InKey bool `json:"inKey,omitempty"`

	defined bool
}

// String says what is wrong in one line, without the ways out.
func (u Unresolved) String() string {
	text := fmt.Sprintf("%s: %s: ${%s} ", u.ID, cut(u.Field), cut(u.Variable))
	switch {
	case u.InKey:
		return text + "stands in a map key, and keys are never substituted"
	case u.Nearest != "":
		return text + "has no value; did you mean ${" + u.Nearest + "}?"
	default:
		return text + "has no value"
	}
}

// UndefinedError is what Apply returns where variables are left over.
type UndefinedError struct {
	// Unresolved are the first MaxListed of them.
	Unresolved []Unresolved
	// Total counts them all.
	Total int
}

// Error shows the first ten, counts the rest, and names the ways out.
func (e *UndefinedError) Error() string {
	var out strings.Builder
	name, keysOnly := "NAME", true
	for _, u := range e.Unresolved {
		keysOnly = keysOnly && u.InKey
	}
	if e.Total == 1 && len(e.Unresolved) == 1 {
		name = cut(e.Unresolved[0].Variable)
		out.WriteString(e.Unresolved[0].String() + "\n")
	} else {
		fmt.Fprintf(&out, "%d variables are not resolved:\n", e.Total)
		shown := e.Unresolved[:min(len(e.Unresolved), maxShown)]
		for _, u := range shown {
			out.WriteString("  " + u.String() + "\n")
		}
		if more := e.Total - len(shown); more > 0 {
			fmt.Fprintf(&out, "  and %d more\n", more)
		}
	}
	if keysOnly {
		out.WriteString("Write the key out")
	} else {
		fmt.Fprintf(&out, "Give a value with --set %[1]s=VALUE or the plugin parameter substitutions, write $${%[1]s} for a literal ${%[1]s}", name)
	}
	fmt.Fprintf(&out, ", or leave the whole object alone with the annotation %s: %s.", Annotation, Disabled)
	return out.String()
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
