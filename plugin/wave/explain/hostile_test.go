package explain

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/plugin/wave"
)

// The tests below read what a manifest by somebody else can make of the output. Mermaid's and Graphviz's own parsers
// accept all of it too; they are not run here, because they are not Go.

func TestHostileNamesCannotReachTheTerminal(t *testing.T) {
	for _, format := range []Format{Text, Mermaid, DOT, SVG} {
		got := explained(t, hostile(), format, Options{Title: strings.Join(hostileNames, "\n")})
		if !utf8.ValidString(got) {
			t.Errorf("%s is not valid UTF-8", format)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s has an unprintable character: %q", format, got[max(0, i-20):min(len(got), i+20)])
		}
	}
}

func TestHostileNamesCannotBreakOutOfMermaid(t *testing.T) {
	const text = `(?:[A-Za-z0-9 .,/()\[\]+…·×-]|#[0-9]+;)*`
	statement := regexp.MustCompile(`^(flowchart LR|  subgraph s\d+\["` + text + `"\]|    r\d+\["` + text + `<br/>` + text + `"\]|  end` +
		`|  r\d+ (-->|==>)(\|"` + text + `"\|)? r\d+|  s\d+ ~~~ s\d+` +
		`|  classDef (gate|deadlock) [a-z0-9:#,-]+|  class r\d+(,r\d+)* (gate|deadlock)|  linkStyle \d+(,\d+)* stroke:#dc2626)$`)
	eachLine(t, explained(t, hostile(), Mermaid, Options{}), statement)
}

func TestHostileNamesCannotBreakOutOfDOT(t *testing.T) {
	const text = `"(?:[^"\\]|\\["\\n])*"`
	const attributes = `( ?[a-z]+=([a-z0-9.]+|` + text + `))+`
	statement := regexp.MustCompile(`^(digraph plan \{|  subgraph cluster_\d+ \{| *\}| *[a-z]+=([A-Za-z]+|\d+|` + text + `)` +
		`|  (node|edge) \[` + attributes + `\]|    r\d+ \[` + attributes + `\]|  r\d+ -> r\d+ \[` + attributes + `\])$`)
	dot := explained(t, hostile(), DOT, Options{Title: strings.Join(hostileNames, "")})
	eachLine(t, dot, statement)
	if bare := regexp.MustCompile(`&(amp;)?`).FindAllString(dot, -1); slices.Contains(bare, "&") {
		t.Error("an & that Graphviz would read as an entity")
	}
}

func eachLine(t *testing.T, document string, statement *regexp.Regexp) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(document, "\n"), "\n") {
		if !statement.MatchString(line) {
			t.Errorf("line %d is no statement of ours: %q", i+1, line)
		}
	}
}

// pictureElements are all that a picture is made of; none of them runs, loads or links anything.
var pictureElements = []string{"svg", "title", "desc", "g", "rect", "path", "text"}

var pictureAttributes = []string{"xmlns", "viewBox", "width", "height", "font-family", "font-size", "font-weight", "role",
	"x", "y", "rx", "d", "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin"}

func TestPicturesAreXMLOfHarmlessElements(t *testing.T) {
	plans := map[string]*wave.Plan{"staging": staging(), "troubled": troubled(), "platform": platform(8), "large": platform(100),
		"hostile": hostile(), "empty": {}}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			picture := explained(t, plan, SVG, Options{Title: strings.Join(hostileNames, "\n")})
			decoder := xml.NewDecoder(strings.NewReader(picture))
			for {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatalf("not XML: %v", err)
				}
				switch token := token.(type) {
				case xml.StartElement:
					if !slices.Contains(pictureElements, token.Name.Local) {
						t.Errorf("element <%s>", token.Name.Local)
					}
					for _, a := range token.Attr {
						if !slices.Contains(pictureAttributes, a.Name.Local) {
							t.Errorf("attribute %s=%q", a.Name.Local, a.Value)
						}
						if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
							t.Errorf("%s=%q is no number", a.Name.Local, a.Value)
						}
					}
				case xml.Comment, xml.Directive, xml.ProcInst:
					t.Errorf("%T %v", token, token)
				}
			}
		})
	}
}

func FuzzAnyNameStaysInsideItsQuotes(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		b := newPlan("ns")
		b.add(0, name, id("", "ConfigMap", "ns", name), wave.Reason{Text: name}, &wave.Gate{Until: name})
		plan := b.done()
		if err := xml.Unmarshal([]byte(explained(t, plan, SVG, Options{Title: name})), new(struct{})); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		for _, format := range []Format{Text, Mermaid, DOT} {
			lines := strings.Count(explained(t, plan, format, Options{}), "\n")
			b := newPlan("ns")
			b.add(0, "tier", id("", "ConfigMap", "ns", "name"), wave.Reason{Text: "text"}, &wave.Gate{Until: "healthy"})
			want := strings.Count(explained(t, b.done(), format, Options{}), "\n")
			if extra := lines - want; extra < 0 || extra > 1 || (extra == 1 && format != Text) {
				t.Errorf("%q: %d lines of %s, want %d", name, lines, format, want)
			}
		}
		if got := mermaidText(visible(name)); strings.ContainsAny(got, "\"<>\n`{}:%") {
			t.Errorf("%q: %q", name, got)
		}
		if _, err := fmt.Sscanf(dotText(dotLabel, name), "%q", new(string)); err != nil {
			t.Errorf("%q: %s: %v", name, dotText(dotLabel, name), err)
		}
	})
}
