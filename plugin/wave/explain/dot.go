package explain

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/wave"
)

const (
	dotLabel   = 80
	dotTooltip = 240
)

// writeDOT writes a digraph for Graphviz: a cluster per wave, left to right, an arrow from what must be first to what
// needs it. Nothing is collapsed.
func writeDOT(out *bytes.Buffer, plan *wave.Plan, opts Options) error {
	g := newGraph(plan, bounds{})
	out.WriteString("digraph plan {\n  rankdir=LR\n  newrank=true\n")
	fmt.Fprintf(out, "  fontname=\"Helvetica\"\n  label=%s\n", dotText(dotLabel, titleLines(plan, opts)...))
	out.WriteString("  node [shape=box style=\"rounded,filled\" fillcolor=white fontname=\"Helvetica\" fontsize=11]\n")
	out.WriteString("  edge [fontname=\"Helvetica\" fontsize=9 color=\"#475569\"]\n")
	for i, s := range g.stages {
		dotStage(out, g, i, s, plan.Namespace)
	}
	for i := 1; i < len(g.stages); i++ {
		earlier, later := g.stages[i-1].nodes, g.stages[i].nodes
		if len(earlier) > 0 && len(later) > 0 {
			fmt.Fprintf(out, "  r%d -> r%d [style=invis weight=10]\n", earlier[0], later[0])
		}
	}
	for _, l := range g.links {
		look := "penwidth=1"
		if l.strength == wave.Healthy {
			look = "penwidth=2.5"
		}
		if l.stuck {
			look += ` color="#dc2626"`
		}
		if g.nodes[l.first].stage >= g.nodes[l.then].stage {
			look += " constraint=false"
		}
		fmt.Fprintf(out, "  r%d -> r%d [%s label=%s]\n", l.first, l.then, look, dotText(dotLabel, l.fieldsText()))
	}
	out.WriteString("}\n")
	return nil
}

func titleLines(plan *wave.Plan, opts Options) []string {
	if opts.Title == "" {
		return []string{costText(plan)}
	}
	return []string{opts.Title, costText(plan)}
}

func dotStage(out *bytes.Buffer, g *graph, index int, s stage, destination string) {
	fmt.Fprintf(out, "  subgraph cluster_%d {\n    label=%s\n", index, dotText(dotLabel, stageTitle(s)))
	out.WriteString("    style=\"rounded,filled\"\n    color=\"#e2e8f0\"\n    fontname=\"Helvetica\"\n    fontsize=12\n    rank=same\n")
	for _, at := range s.nodes {
		n := g.nodes[at]
		kind, name := n.labels(destination)
		look := ""
		switch {
		case n.deadlocked:
			look = ` color="#dc2626" fillcolor="#fee2e2" penwidth=2`
		case len(n.gates()) > 0:
			look = ` color="#b45309" penwidth=2`
		}
		fmt.Fprintf(out, "    r%d [label=%s tooltip=%s%s]\n", at,
			dotText(dotLabel, kind, name), dotText(dotTooltip, nodeDetails(n, destination)...), look)
	}
	out.WriteString("  }\n")
}

// dotText is a quoted string with the given lines, each clipped. Backslashes are doubled, because Graphviz reads \N and the like in
// labels; & is an entity, because it reads those too.
func dotText(limit int, lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;")
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = escape.Replace(clipMiddle(visible(line), limit))
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}
