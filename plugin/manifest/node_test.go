package manifest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// oddities are resources, without the part that every resource has, that are read or written in some way of their own.
var oddities = []string{
	"a: 1\nb: 1.0\nc: 1e3\nd: 0x1F\ne: 0o17\nf: 017\ng: 1_000\nh: +1\ni: -0\nj: .5\nk: 5.\nl: 1e30\nm: 18446744073709551615\nn: 18446744073709551616\no: 9223372036854775808\np: 0.5\nq: -1.50\nr: 00.5\ns: 1.e1\n",
	"a: .inf\n", "a: .nan\n", "a: 1e400\n", "a: true\nb: True\nc: yes\nd: on\ne: y\n", "a: null\nb: ~\nc:\nd: Null\ne: ''\nf: \"\"\n",
	"a: 2001-01-01\n", "a: 2001-12-14t21:59:43.10-05:00\n", "a: '2001-01-01'\n", "a: 1:30\nb: 190:20:30\n", "a: 12e03\nb: 0b11\nc: -0b11\n",
	"a: !!str 1\n", "a: !!int '1'\n", "a: !!float 1\n", "a: !!bool yes\n", "a: !!null x\n", "a: !!binary aGVsbG8=\n", "a: !!binary /////w==\n", "a: !!binary '?'\n",
	"a: !custom b\n", "a: !custom {b: c}\n", "a: !!set {b, c}\n", "a: !!map {b: c}\n", "a: !!seq [b]\n", "a: ! 1\n", "a: !!timestamp 2001-01-01\n", "a: !!str\n",
	"a: &x {b: c}\nd: *x\n", "a: &x {b: c}\nd: {<<: *x, e: f}\n", "a: &x {b: c}\nd:\n  <<: *x\n  b: g\n", "a: &x 1\nb: *x\n", "a: {<<: {b: c}}\n", "a: {<<: 1}\n", "a: &x b\n",
	"1: a\n", "a: {1: b}\n", "a: {1.5: b, true: c}\n", "a: {null: b}\n", "a: {~: b}\n", "a: {? [b] : c}\n", "a: {2001-01-01: b}\n", "true: a\n", "a: {'1': b}\n", "? a\n: b\n", "'': a\n", "a: {\"<<\": b}\n", "<<: {a: b}\n",
	"a: 1\na: 2\n", "a: {b: 1, b: 2}\n", "a: {b: 1, \"b\": 2}\n", "a: {b, c: , d: ''}\n", "a: [b, , c]\n", "a: [,]\n", "a: [b, ~, null]\n", "a: [~]\n",
	"a: |\n  b\n  c\n", "a: |-\n  b\n  c\n", "a: |+\n  b\n\n", "a: |2\n   b\n  c\n", "a: |\n\n  b\n", "a: >\n  b\n  c\n\n  d\n   e\n", "a: >-\n  b\n  c\n", "a: |\n  b\t\n", "a: |\n  b \n", "a: |\n  # b\n  c\n", "a: |\n\n", "a: |+\n\n\n",
	"a: b\n  c\n\n  d\n", "a: \"b\n  c\"\n", "a: 'b\n\n  c'\n", "a: \"\\u2028\\t\\x7f\\0\"\n", "a: \"\\u0085 \\u00a0 \\ufeff\"\n", "a: \"\\ud83d\\ude00 😀\"\n", "a: é “x”\n", "a: b\tc\n", "a: - b\n",
	"a: [b, {c: d}]\nb: {c: [d, e]}\n", "a: {b: c} # d\n", "a: [b, # c\n  d]\n", "a: [b # c\n  ]\n", "a: {b: c, # d\n  e: f}\n", "# a\na: b # c\n# d\n\n# e\n", "a: # b\n  c: d\n", "a: # b\n- c\n# d\n- e # f\n", "a:\n  # b\n  - c\n  # d\n", "a: | # b\n  c\n", "a:\n# b\n\n  c: d\n  # e\n# f\ng: h\n",
	"a:\n- - b\n  - c\n- {}\n- []\n- - - d\n", "a: {}\nb: []\n", strings.Repeat("k", 130) + ": a\n", "a:\n- b: c\n  d: e\n- |\n  f\n", "- a\n", "a\n", "[]\n", "{}\n", "a: \"\\xff\"\n",
	"a: \"\"\"\n", "a: '# b'\nb: \"# c\"\n", "a: 'it''s'\nb: \"x: y\"\n", "a: =\nb: <<\n", "--- # a\nb: c\n", "a: !<tag:yaml.org,2002:str> 1\n", "a: 0777\nb: 08\nc: 1__0\nd: 0_\n",
	"a: \"1\"\nb: '1.5'\nc: \"true\"\nd: 'null'\ne: \"~\"\n", "a: >-\n  " + strings.Repeat("word ", 40) + "\n  # no comment\n",
}

const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

func TestFromNodeIsWhatKustomizeWouldRead(t *testing.T) {
	for _, odd := range oddities {
		compareNode(t, head+odd)
		compareNode(t, odd)
		compareNode(t, head+"spec:\n  deep:\n  - "+strings.ReplaceAll(strings.TrimSuffix(odd, "\n"), "\n", "\n    ")+"\n")
	}
	for _, s := range nasties {
		for _, style := range []yaml.Style{0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle, yaml.TaggedStyle} {
			for _, tag := range []string{"", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!"} {
				for _, outer := range []yaml.Style{0, yaml.FlowStyle} {
					scalar := func() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s, Style: style} }
					key := func(k string) *yaml.Node { return yaml.NewStringRNode(k).YNode() }
					list := &yaml.Node{Kind: yaml.SequenceNode, Style: outer, Content: []*yaml.Node{scalar(), scalar()}}
					compareRead(t, &yaml.Node{Kind: yaml.MappingNode, Style: outer, Content: []*yaml.Node{key("a"), scalar(), key("b"), list}})
					compareRead(t, &yaml.Node{Kind: yaml.MappingNode, Style: outer, Content: []*yaml.Node{scalar(), key("a"), key("b"), list}})
				}
			}
		}
	}
}

func TestCommentsChangeNothing(t *testing.T) {
	for seed := range uint64(500) {
		compareNode(t, head+commented(rand.New(rand.NewPCG(seed, 2))))
	}
}

func TestOrdinaryResourcesAreConvertedDirectly(t *testing.T) {
	text := head + "# a\nspec: # b\n  # c\n  replicas: 3\n  paused: false\n  ratio: 0.5\n  items:\n  - name: a\n    args: [a, \"1\", --x=y]\n  empty: {}\n  none: null\n  text: |\n    a\n      b: c\n  long: |-\n    a\n\n    b\n"
	node, err := yaml.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := convert(node.YNode(), false); !ok {
		t.Error("the long way is taken")
	}
}

func FuzzFromNode(f *testing.F) {
	for _, odd := range oddities {
		f.Add(odd)
	}
	for seed := range uint64(20) {
		f.Add(commented(rand.New(rand.NewPCG(seed, 2))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		compareNode(t, head+text)
	})
}

// commented writes a random resource, with comments, empty lines and flow collections in random places.
func commented(r *rand.Rand) string {
	var out strings.Builder
	comment := func(indent int) {
		for r.IntN(6) == 0 {
			out.WriteString([]string{strings.Repeat(" ", indent) + "# comment", "", "# at the margin", strings.Repeat(" ", indent) + "#\n" + strings.Repeat(" ", indent) + "# two", strings.Repeat(" ", indent+2) + "# deeper"}[r.IntN(5)] + "\n")
		}
	}
	trailing := func() string { return []string{"", "", "", "", " # why", " #"}[r.IntN(6)] }
	scalar := func(indent int) string {
		pad := "\n" + strings.Repeat(" ", indent+2)
		return []string{
			"a", "1", "'q'", `"1"`, "", "null", "a b: c", "{}", "[]", "{a: b, c: [d]}", "[a, b]", "|" + trailing() + pad + "x" + pad + "  y", "|-" + pad + "x" + pad + pad + "y", ">-" + pad + "x" + pad + "y", "|" + pad + "# x" + pad,
			"a" + pad + "b", "[a," + trailing() + pad + "b]", "{a: b," + trailing() + pad + "c: d}", "é", "0.5", "a # b",
		}[r.IntN(21)]
	}
	var fields func(indent, depth int, first bool)
	items := func(indent, depth int) {
		for range 1 + r.IntN(3) {
			comment(indent)
			out.WriteString(strings.Repeat(" ", indent) + "- ")
			if depth > 0 && r.IntN(2) == 0 {
				fields(indent+2, depth-1, true)
			} else {
				out.WriteString(scalar(indent) + trailing() + "\n")
			}
		}
	}
	fields = func(indent, depth int, first bool) {
		for i := range 1 + r.IntN(4) {
			if !first || i > 0 {
				comment(indent)
				out.WriteString(strings.Repeat(" ", indent))
			}
			out.WriteString(string(rune('a'+i)) + ":")
			switch n := r.IntN(4); {
			case n == 0 && depth > 0:
				out.WriteString(trailing() + "\n")
				fields(indent+2, depth-1, false)
			case n == 1 && depth > 0:
				out.WriteString(trailing() + "\n")
				items(indent+2*r.IntN(2), depth-1)
			default:
				out.WriteString(" " + scalar(indent) + trailing() + "\n")
			}
		}
		comment(indent)
	}
	fields(0, 4, false)
	return out.String()
}

var resources = provider.NewDefaultDepProvider().GetResourceFactory()

// compareNode fails the test unless a document becomes the object and the bytes that it becomes in kustomize.
func compareNode(t *testing.T, text string) {
	t.Helper()
	node, err := yaml.Parse(text)
	if err != nil || node.YNode().Kind != yaml.MappingNode {
		return
	}
	compareRead(t, node.YNode())
	made, err := resources.SliceFromBytes([]byte(text))
	if err != nil {
		return
	}
	for _, one := range made {
		compareWritten(t, text, one)
	}
}

func compareRead(t *testing.T, node *yaml.Node) {
	t.Helper()
	var want string
	text, wantErr := yaml.NewRNode(node).MarshalJSON()
	if wantErr == nil {
		objects, err := ParseJSON([]byte("[" + string(text) + "]"))
		if err != nil {
			t.Fatal(err)
		}
		want = dumpObject(objects[0])
	}
	object, err := FromNode(node)
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s: error %v, want %v", source(node), err, wantErr)
	} else if got := dumpObject(object); err == nil && got != want {
		t.Errorf("%s\n got: %s\nwant: %s", source(node), got, want)
	}
}

func compareWritten(t *testing.T, text string, one *resource.Resource) {
	t.Helper()
	want, wantErr := one.AsYAML()
	object, err := FromNode(one.YNode())
	var got []byte
	if err == nil {
		got, err = YAML([]Object{object})
	}
	if (err == nil) != (wantErr == nil) || wantErr == nil && string(got) != string(want) {
		t.Errorf("%q\n got: %q, %v\nwant: %q, %v", text, got, err, want, wantErr)
	}
}

// dumpObject shows values with their types.
func dumpObject(object Object) string { return fmt.Sprintf("%#v", map[string]any(object)) }

func source(node *yaml.Node) string {
	text, err := yaml.NewRNode(node).String()
	return fmt.Sprintf("%q (%v)", text, err)
}
