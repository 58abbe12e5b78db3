package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// mustCheck says whether a YAML file may hold aliases or be nested more deeply than that. It is cheap, it is wrong only in
// being too careful, and what it says holds for the texts in the file too: a patch is YAML in YAML.
func mustCheck(content []byte, depth int) bool {
	anchors := token(content, '&') || bytes.Contains(content, []byte(`\u0026`))
	return anchors && token(content, '*') || escapes(content) || depthBound(content) > depth
}

// escapes says whether quoted text may spell a mark or a word another way, or break it over lines.
func escapes(content []byte) bool {
	for rest := content; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 || i+1 >= len(rest) {
			return false
		}
		switch rest = rest[i+1:]; {
		case rest[0] == 'x', rest[0] == 'U', rest[0] == '\n', rest[0] == '\r':
			return true
		case len(rest) > 4 && rest[0] == 'u' && rest[1] == '0' && rest[2] == '0' && rest[3] < '8' && !asHTML(rest[3:5]):
			return true
		}
	}
}

// asHTML says whether \u00.. is one of the three characters that encoders of JSON escape.
func asHTML(hex []byte) bool {
	return bytes.EqualFold(hex, []byte("3c")) || bytes.EqualFold(hex, []byte("3e")) || bytes.Equal(hex, []byte("26"))
}

// token says whether the mark stands where YAML may take it for an anchor or an alias.
func token(content []byte, mark byte) bool {
	for {
		i := bytes.IndexByte(content, mark)
		if i < 0 {
			return false
		}
		after := i+1 < len(content) && bytes.IndexByte([]byte(" \t\r\n,]}"), content[i+1]) < 0
		if after && (i == 0 || begins(content[i-1])) {
			return true
		}
		content = content[i+1:]
	}
}

// begins says whether YAML may begin a token after this byte: some line breaks are not ASCII.
func begins(before byte) bool {
	return before >= 0x80 || bytes.IndexByte([]byte(" \t\r\n,[{:-?"), before) >= 0
}

// CheckText refuses a YAML text that is nested too deeply or that its aliases blow up, as it is refused in a file of the
// tree. The error begins with the line.
func CheckText(content []byte) error {
	limits := DefaultLimits()
	if !mustCheck(content, limits.Depth) {
		return nil
	}
	_, err := checkShape(content, limits.AliasNodes, limits.Depth)
	return err
}

// checkShape refuses a file that is nested too deeply or that its aliases blow up, and returns how many nodes they add. A
// file that is no YAML passes: kustomize says so if it matters.
func checkShape(content []byte, nodes, depth int) (added int, err error) {
	return checkTexts(content, nodes, depth, 0)
}

// maxTexts is how many texts may stand one in the other: a transformer in a kustomization holds a patch.
const maxTexts = 3

func checkTexts(content []byte, nodes, depth, texts int) (added int, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			if strings.Contains(err.Error(), "exceeded max depth") {
				return 0, fmt.Errorf("1: it is nested more than %d levels deep", depth)
			}
			return added, nil
		}
		s := shape{nodes: nodes, before: added, depth: depth, texts: texts, seen: map[*yaml.Node]size{}}
		if len(document.Content) == 1 && document.Content[0].Kind != yaml.ScalarNode {
			added += s.count(&document, 0).added
		}
		if s.err != nil {
			return 0, s.err
		}
	}
}

// shape counts the nodes that aliases add; what several aliases name counts for each but is walked once.
type shape struct {
	nodes, depth int
	before       int // how many the documents before add
	texts        int // how many texts this one stands in
	seen         map[*yaml.Node]size
	err          error
}

// size is how many nodes stand below a node, itself included, and how many of them only because of aliases. A long text is as
// many as it has times nodeText bytes.
type size struct{ all, added int }

// nodeText is about how much text a node has.
const nodeText = 64

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
	inText := s.text(node)
	total := size{all: 1 + len(node.Value)/nodeText + inText, added: inText}
	for _, child := range node.Content {
		if s.err != nil {
			return total
		}
		n := s.count(child, depth+1)
		total.all, total.added = total.all+n.all, total.added+n.added
		if s.before+total.added > s.nodes {
			s.fail("%d: its YAML aliases expand to more than %d nodes", child.Line, s.nodes)
		}
	}
	s.seen[node] = total
	return total
}

// text looks into a scalar, which kustomize may read as YAML again: a patch, or what a replacement points into.
func (s *shape) text(node *yaml.Node) (added int) {
	if node.Kind != yaml.ScalarNode || s.texts == maxTexts || len(node.Value) < 16 || !mustCheck([]byte(node.Value), s.depth) {
		return 0
	}
	added, err := checkTexts([]byte(node.Value), s.nodes, s.depth, s.texts+1)
	if err != nil {
		_, reason, _ := strings.Cut(err.Error(), ": ")
		s.fail("%d: in the text that begins here, %s", node.Line, reason)
	}
	return added
}

func (s *shape) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// depthBound returns a number that the nesting of a YAML file cannot exceed. A block needs a column of its own, or one
// that a list shares with its key.
func depthBound(content []byte) int {
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) {
		return jsonDepth(trimmed)
	}
	deepest := 0
	for line := range bytes.Lines(content) {
		block := 0
		for block < len(line) && bytes.IndexByte([]byte(" -?:"), line[block]) >= 0 {
			block++
		}
		if block < len(line) && line[block] != '\n' && line[block] != '\r' {
			deepest = max(deepest, block)
		}
	}
	return 2*deepest + flowBound(content)
}

// flowBound returns how many brackets of flow collections are open at once, at most: those that stand where a value may
// begin and are not closed before anything that could be quoted. Which bracket closes which cannot be told without
// parsing: it may be within quotes, or within a text that looks like quotes.
func flowBound(content []byte) int {
	open := 0
	for i := 0; i < len(content); i++ {
		if c := content[i]; c != '{' && c != '[' || !opens(content, i) {
			continue
		}
		end := bytes.IndexAny(content[i+1:], "{}[]\"'#")
		if end >= 0 && (content[i+1+end] == '}' || content[i+1+end] == ']') {
			i += 1 + end
			continue
		}
		open++
	}
	return open
}

// opens says whether a value may begin at this place: after an indicator, at the start of a line, or after a tag or an
// anchor.
func opens(content []byte, i int) bool {
	before := bytes.TrimRight(content[:i], " \t")
	if len(before) == 0 || begins(before[len(before)-1]) {
		return true
	}
	word := before[bytes.LastIndexAny(before, " \t\r\n,[{")+1:]
	return len(word) > 0 && (word[0] == '&' || word[0] == '!')
}

// jsonDepth is the depth of valid JSON.
func jsonDepth(content []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(content); i++ {
		switch c := content[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// maxColumn is where breadthBound stops telling columns apart.
const maxColumn = 1000

// breadthBound returns numbers that the nodes of a YAML file, and the entries of one map or list in it, hardly exceed: an
// entry has a line, or a comma, of its own.
func breadthBound(content []byte) (nodes, siblings int) {
	var entries []int // by column, since the last line that began further left
	for line := range bytes.Lines(content) {
		inLine := bytes.Count(line, []byte(",")) + bytes.Count(line, []byte("\r")) + 1
		nodes, siblings = nodes+inLine, max(siblings, inLine)
		rest := bytes.TrimLeft(line, " ")
		column := min(len(line)-len(rest), maxColumn)
		switch {
		case len(bytes.TrimSpace(rest)) == 0 || rest[0] == '#':
			continue
		case bytes.HasPrefix(line, []byte("---")):
			entries = entries[:0]
			continue
		case column >= len(entries):
			entries = append(entries, make([]int, column+1-len(entries))...)
		default:
			clear(entries[column+1:])
			entries = entries[:column+1]
		}
		entries[column]++
		siblings = max(siblings, entries[column])
	}
	return nodes, siblings
}
