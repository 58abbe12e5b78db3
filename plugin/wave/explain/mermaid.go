package explain

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/plugin/wave"
)

// mermaidBounds keep a flowchart within what Mermaid draws by default: 50,000 characters and 500 edges.
var mermaidBounds = bounds{nodes: 120, stageNodes: 40, stages: 30}

const mermaidLabel = 64

// writeMermaid writes a flowchart: a subgraph per wave, an arrow from what must be first to what needs it.
func writeMermaid(out *bytes.Buffer, plan *wave.Plan, _ Options) error {
	g := newGraph(plan, mermaidBounds)
	out.WriteString("flowchart LR\n")
	for i, s := range g.stages {
		fmt.Fprintf(out, "  subgraph s%d[\"%s\"]\n", i, mermaidText(stageTitle(s)))
		for _, n := range s.nodes {
			kind, name := g.nodes[n].labels(plan.Namespace)
			fmt.Fprintf(out, "    r%d[\"%s<br/>%s\"]\n", n, mermaidText(kind), mermaidText(name))
		}
		out.WriteString("  end\n")
	}
	stuck := mermaidLinks(out, g)
	for i := 1; i < len(g.stages); i++ {
		fmt.Fprintf(out, "  s%d ~~~ s%d\n", i-1, i)
	}
	mermaidClasses(out, g, stuck)
	return nil
}

// mermaidLinks writes the arrows and returns the numbers of those that a deadlock is made of.
func mermaidLinks(out *bytes.Buffer, g *graph) (stuck []string) {
	for i, l := range g.links {
		arrow := "-->"
		if l.strength == wave.Healthy {
			arrow = "==>"
		}
		label := mermaidText(l.fieldsText())
		if label != "" {
			label = `|"` + label + `"|`
		}
		fmt.Fprintf(out, "  r%d %s%s r%d\n", l.first, arrow, label, l.then)
		if l.stuck {
			stuck = append(stuck, fmt.Sprint(i))
		}
	}
	return stuck
}

func mermaidClasses(out *bytes.Buffer, g *graph, stuck []string) {
	var dead, gates []string
	for i, n := range g.nodes {
		switch {
		case n.deadlocked:
			dead = append(dead, fmt.Sprintf("r%d", i))
		case len(n.gates()) > 0:
			gates = append(gates, fmt.Sprintf("r%d", i))
		}
	}
	if len(gates) > 0 {
		out.WriteString("  classDef gate stroke:#b45309,stroke-width:2px\n")
		fmt.Fprintf(out, "  class %s gate\n", strings.Join(gates, ","))
	}
	if len(dead) > 0 {
		out.WriteString("  classDef deadlock fill:#fee2e2,stroke:#dc2626,stroke-width:2px,color:#7f1d1d\n")
		fmt.Fprintf(out, "  class %s deadlock\n", strings.Join(dead, ","))
	}
	if len(stuck) > 0 {
		fmt.Fprintf(out, "  linkStyle %s stroke:#dc2626\n", strings.Join(stuck, ","))
	}
}

func stageTitle(s stage) string {
	title := s.name
	if s.note != "" {
		title += " · " + s.note
	}
	if !s.hooks && !s.gated {
		title += " (not waited for)"
	}
	return title
}

// mermaidText escapes what stands between double quotes. Only characters that mean nothing to Mermaid, to Markdown or to
// HTML stay; all others become Mermaid's entities, #NN;.
func mermaidText(s string) string {
	var out strings.Builder
	for _, r := range clipMiddle(s, mermaidLabel) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(" .,/()[]-+…·×", r):
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, "#%d;", r)
		}
	}
	return out.String()
}
