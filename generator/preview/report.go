package preview

import (
	"fmt"
	"strings"
)

// maxValue is how much of a value that does not count is shown.
const maxValue = 60

// Report shows comparisons to people: a line per field, - for what was written by hand, + for what is generated. It tells
// how many Applications differ in something that counts.
func Report(comparisons []Comparison) (text string, differ int) {
	var out strings.Builder
	for _, c := range comparisons {
		if c.Differs() {
			differ++
		}
		switch {
		case c.Foreign:
			fmt.Fprintf(&out, "%s: written by hand, from another repository; nothing generates it\n", c.Name)
		case c.Missing == Generated:
			fmt.Fprintf(&out, "%s: written by hand, but not generated\n", c.Name)
		case c.Missing == Written:
			fmt.Fprintf(&out, "%s: generated, but not written by hand\n", c.Name)
		case len(c.Differences) == 0:
			fmt.Fprintf(&out, "%s: the same\n", c.Name)
		default:
			fmt.Fprintf(&out, "%s: differs\n", c.Name)
			for _, d := range c.Differences {
				lines(&out, "  ", d, 0)
			}
		}
		if len(c.Own) > 0 {
			out.WriteString("  Tidegate's own:\n")
			for _, d := range c.Own {
				lines(&out, "    ", d, maxValue)
			}
		}
	}
	return out.String(), differ
}

func lines(out *strings.Builder, indent string, d Difference, limit int) {
	for _, side := range []struct {
		sign  string
		value any
	}{{"-", d.Written}, {"+", d.Generated}} {
		if side.value == nil {
			continue
		}
		shown := text(side.value)
		if runes := []rune(shown); limit > 0 && len(runes) > limit {
			shown = string(runes[:limit]) + "…"
		}
		fmt.Fprintf(out, "%s%s %s: %s\n", indent, side.sign, d.Field, shown)
	}
}
