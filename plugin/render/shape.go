package render

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// mayExpand says whether a YAML file may hold aliases. It is cheap, and wrong only in being too careful.
func mayExpand(content []byte) bool {
	return token(content, '&') && token(content, '*')
}

// token says whether the mark stands where YAML may take it for an anchor or an alias.
func token(content []byte, mark byte) bool {
	for {
		i := bytes.IndexByte(content, mark)
		if i < 0 {
			return false
		}
		after := i+1 < len(content) && bytes.IndexByte([]byte(" \t\r\n,]}"), content[i+1]) < 0
		if before := i == 0 || bytes.IndexByte([]byte(" \t\n,[{:-"), content[i-1]) >= 0; before && after {
			return true
		}
		content = content[i+1:]
	}
}

// checkShape refuses a file that is nested too deeply or that its aliases blow up. A file that is no YAML passes:
// kustomize says so if it matters.
func checkShape(content []byte, nodes, depth int) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			if strings.Contains(err.Error(), "exceeded max depth") {
				return fmt.Errorf("1: it is nested more than %d levels deep", depth)
			}
			return nil
		}
		s := shape{nodes: nodes, depth: depth, seen: map[*yaml.Node]size{}}
		s.count(&document, 0)
		if s.err != nil {
			return s.err
		}
	}
}

// shape counts the nodes that aliases add; what several aliases name counts for each but is walked once.
type shape struct {
	nodes, depth int
	seen         map[*yaml.Node]size
	err          error
}

// size is how many nodes stand below a node, itself included, and how many of them only because of aliases.
type size struct{ all, added int }

func (s *shape) count(node *yaml.Node, depth int) size {
	if depth > s.depth {
		s.fail("%d: it is nested more than %d levels deep", node.Line, s.depth)
	}
	if node.Kind == yaml.AliasNode {
		n, ok := s.seen[node.Alias]
		if !ok {
			n = s.count(node.Alias, depth)
		}
		return size{n.all, n.all}
	}
	s.seen[node] = size{s.nodes + 1, s.nodes + 1} // one that contains itself has no end
	total := size{all: 1}
	for _, child := range node.Content {
		if s.err != nil {
			return total
		}
		n := s.count(child, depth+1)
		total.all, total.added = total.all+n.all, total.added+n.added
		if total.added > s.nodes {
			s.fail("%d: its YAML aliases expand to more than %d nodes", child.Line, s.nodes)
		}
	}
	s.seen[node] = total
	return total
}

func (s *shape) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// depthBound returns a number that the nesting of a YAML file cannot exceed, from the brackets that are open at once
// and from the indicators that begin a line: a block needs a column of its own, or one that a list shares with its key.
func depthBound(content []byte) int {
	flow, deepestFlow, deepestBlock := 0, 0, 0
	for line := range bytes.Lines(content) {
		block := 0
		for block < len(line) && bytes.IndexByte([]byte(" -?:"), line[block]) >= 0 {
			block++
		}
		if block < len(line) && line[block] != '\n' && line[block] != '\r' {
			deepestBlock = max(deepestBlock, block)
		}
		for _, c := range line {
			switch c {
			case '{', '[':
				flow++
				deepestFlow = max(deepestFlow, flow)
			case '}', ']':
				flow = max(flow-1, 0)
			}
		}
	}
	return deepestFlow + deepestBlock
}
