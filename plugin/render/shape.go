package render

import (
	"bytes"

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

// expansion counts the nodes that a file has once its aliases are followed, up to just above the limit, and tells the
// line of the document that exceeds it. A file that is no YAML has none: kustomize will say so if it matters.
func expansion(content []byte, limit int) (line, nodes int) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return 0, 0
		}
		counted := counter{limit: limit, seen: map[*yaml.Node]int{}}
		if n := counted.count(&document); n > limit {
			return counted.line, n
		}
	}
}

// counter counts nodes; a node that several aliases name is counted for each but walked once.
type counter struct {
	limit int
	line  int
	seen  map[*yaml.Node]int
}

func (c *counter) count(node *yaml.Node) int {
	if node.Kind == yaml.AliasNode {
		if n, ok := c.seen[node.Alias]; ok {
			return n
		}
		node = node.Alias
	}
	c.seen[node] = c.limit + 1 // a node that contains itself has no end
	n := 1
	for _, child := range node.Content {
		if n += c.count(child); n > c.limit {
			if c.line == 0 {
				c.line = child.Line
			}
			n = c.limit + 1
			break
		}
	}
	c.seen[node] = n
	return n
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
