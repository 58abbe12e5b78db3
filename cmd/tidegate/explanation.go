package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/generator/guard"
)

// states say what a state means to a person.
var states = map[guard.State]string{
	guard.Demanded: "is demanded", guard.Stays: "stays", guard.Comes: "comes with the next answer", guard.Waits: "waits", guard.Held: "is held",
	guard.Goes: "goes with the next answer", guard.Going: "is being deleted", guard.Frozen: "stays as it is", guard.Absent: "does not exist",
	guard.Unknown: "may change with the next answer",
}

func writeExplanation(out io.Writer, e *guard.Explanation) error {
	fmt.Fprintf(out, "%s %s", e.Application, states[e.State])
	if e.ApplicationSet != "" {
		fmt.Fprintf(out, ", of the ApplicationSet %s", e.ApplicationSet)
	}
	fmt.Fprintln(out, ":")
	for _, why := range e.Why {
		fmt.Fprintln(out, "  - "+strings.ReplaceAll(why, "\n", "\n    "))
	}
	if e.Do != "" {
		fmt.Fprintf(out, "\nTo let it go:\n  %s\n", e.Do)
	}
	if e.Parameters != nil {
		written, err := yaml.Marshal(e.Parameters)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nIts parameters:\n  %s\n", strings.ReplaceAll(strings.TrimSpace(string(written)), "\n", "\n  "))
	}
	return nil
}

// writeOverview writes a line for each Application that something happens to, and then what there is to say of each
// ApplicationSet.
func writeOverview(out io.Writer, all []guard.Summary) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	rows := 0
	for _, set := range all {
		for _, e := range set.Applications {
			if len(e.Why) == 0 {
				continue
			}
			if rows == 0 {
				fmt.Fprintln(table, "APPLICATION\tSTATE\tAPPLICATIONSET\tWHY")
			}
			rows++
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.Application, e.State, set.ApplicationSet, strings.ReplaceAll(strings.Join(e.Why, "; "), "\n", " "))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if rows > 0 {
		fmt.Fprintln(out)
	}
	for _, set := range all {
		writeSummary(out, set)
	}
	return nil
}

func writeSummary(out io.Writer, set guard.Summary) {
	count := map[guard.State]int{}
	for _, e := range set.Applications {
		count[e.State]++
	}
	switch n := len(set.Applications); {
	case set.Frozen != "":
		fmt.Fprintf(out, "%s: %d Applications stay as they are, and %d wait: %s\n", set.ApplicationSet, count[guard.Frozen], count[guard.Waits], set.Frozen)
	case set.Unknown != "":
		fmt.Fprintf(out, "%s: what becomes of its %d Applications cannot be told: %s\n", set.ApplicationSet, n, set.Unknown)
	case count[guard.Demanded] == n:
		fmt.Fprintf(out, "%s: %d Applications are demanded at revision %s\n", set.ApplicationSet, n, set.Revision)
	default:
		fmt.Fprintf(out, "%s: %d of %d Applications stay, at revision %s\n", set.ApplicationSet, count[guard.Stays], n, set.Revision)
	}
	if set.Do != "" {
		fmt.Fprintf(out, "  To let go all %d that are held, with everything that they have delivered: %s\n", count[guard.Held], set.Do)
	}
}
