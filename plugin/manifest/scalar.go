package manifest

import (
	"strings"
	"unicode/utf8"

	goyaml "go.yaml.in/yaml/v2"
)

// width is the column after which the library breaks a line at the next space.
const width = 80

// unbroken, in place of an indent, keeps a scalar on one line.
const unbroken = -1

// str writes a string value from column on, continuing at indent, and ends the line.
func (e *emitter) str(s string, column, indent int) {
	if !strings.Contains(s, "\n") {
		e.scalar(s, column, indent)
		e.text("\n")
		return
	}
	t := look(s)
	switch {
	case t.odd:
		e.odd = true
	case t.special || s[len(s)-1] == ' ' || strings.Contains(s, " \n"):
		e.double(s, column, indent)
		e.text("\n")
	default:
		e.literal(s, indent)
	}
}

// scalar writes a string in the first of the styles plain, single-quoted, double-quoted that can hold it.
func (e *emitter) scalar(s string, column, indent int) {
	t := look(s)
	switch {
	case t.odd:
		e.odd = true
	case t.special || resolves(s):
		e.double(s, column, indent)
	case t.indicators || s[0] == ' ' || s[len(s)-1] == ' ':
		e.single(s, column, indent)
	default:
		e.plain(s, column, indent)
	}
}

// traits is what the choice of a style looks at (yaml_emitter_analyze_scalar).
type traits struct {
	odd        bool // holds what is left to the library
	special    bool // needs escapes
	indicators bool // would not be read back as text without quotes
}

func look(s string) traits {
	var t traits
	if strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		t.indicators = true
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			size, ok := ordinary(s[i:])
			t.odd = t.odd || !ok
			i += size - 1
		case c == '\t' || c == '\r':
			t.special = true
		case c < ' ' && c != '\n' || c == 0x7f:
			t.odd = true
		case c == ':':
			t.indicators = t.indicators || blankAfter(s, i)
		case c == '#':
			t.indicators = t.indicators || i == 0 || s[i-1] == ' '
		case i == 0 && (c == '?' || c == '-'):
			t.indicators = t.indicators || blankAfter(s, i)
		case i == 0 && strings.IndexByte(",[]{}&*!|>'\"%@`", c) >= 0:
			t.indicators = true
		}
	}
	return t
}

func blankAfter(s string, i int) bool { return i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\t' }

// ordinary returns the size of the letter or sign that s starts with, and whether the library writes it as it is.
func ordinary(s string) (size int, ok bool) {
	r, size := utf8.DecodeRuneInString(s)
	return size, 0xA0 <= r && r < 0xD800 && r != 0x2028 && r != 0x2029
}

// resolves says whether YAML 1.1 would read s, unquoted, as something other than text: true, no, 80, 1e3, 2001-01-01, 1:30.
func resolves(s string) bool {
	if s == "" {
		return true
	}
	switch c := s[0]; {
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0:
		_, word := words[s]
		return word
	case c != '+' && c != '-' && c != '.' && (c < '0' || c > '9'):
		return false
	case strings.TrimLeft(s, numeric) != "":
		return false
	}
	// Numbers and dates have too many forms to repeat here.
	doc, err := goyaml.Marshal(s)
	return err != nil || doc[0] == '"'
}

// numeric are the characters of numbers and dates in all their forms.
const numeric = "0123456789abcdefABCDEFxXoOtTzZiInN_+-.:, "

// words are those of go.yaml.in/yaml/v2's resolve.go that begin with a letter or a tilde.
var words = func() map[string]struct{} {
	set := make(map[string]struct{})
	for _, word := range strings.Fields(`y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF
		~ null Null NULL`) {
		set[word] = struct{}{}
	}
	return set
}()

// plain writes s without quotes.
func (e *emitter) plain(s string, column, indent int) { e.wrapped(s, column, indent, 0) }

// single writes s in single quotes.
func (e *emitter) single(s string, column, indent int) {
	e.text("'")
	e.wrapped(s, column+1, indent, '\'')
	e.text("'")
}

// wrapped writes s, doubling the quote, and breaks lines in place of single spaces inside it.
func (e *emitter) wrapped(s string, column, indent int, quote byte) {
	if quote == 0 && column+len(s) <= width || indent == unbroken && quote == 0 {
		e.text(s)
		return
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ' ' && indent != unbroken && column > width && lone(s, i):
			e.text("\n")
			e.spaces(indent)
			column = indent
			continue
		case c == quote && quote != 0:
			e.out = append(e.out, quote)
			column++
		}
		e.out = append(e.out, c)
		if utf8.RuneStart(c) {
			column++
		}
	}
}

// lone says whether the space at i has text on both sides.
func lone(s string, i int) bool {
	return i > 0 && i < len(s)-1 && s[i-1] != ' ' && s[i+1] != ' '
}

var escapes = map[byte]byte{'"': '"', '\\': '\\', '\n': 'n', '\t': 't', '\r': 'r'}

// double writes s in double quotes. Here a line may also break before several spaces; a backslash then keeps the second.
func (e *emitter) double(s string, column, indent int) {
	e.text(`"`)
	column++
	for i := 0; i < len(s); i++ {
		c := s[i]
		if escape, ok := escapes[c]; ok {
			e.out = append(e.out, '\\', escape)
			column += 2
			continue
		}
		if c == ' ' && indent != unbroken && column > width && i > 0 && i < len(s)-1 && s[i-1] != ' ' {
			e.text("\n")
			e.spaces(indent)
			column = indent
			if s[i+1] == ' ' {
				e.text(`\`)
				column++
			}
			continue
		}
		e.out = append(e.out, c)
		if utf8.RuneStart(c) {
			column++
		}
	}
	e.text(`"`)
}

// literal writes lines as they are, below a | and hints on leading blanks and on the newlines at the end.
func (e *emitter) literal(s string, indent int) {
	e.text("|")
	if s[0] == ' ' || s[0] == '\n' {
		e.text("2")
	}
	switch {
	case !strings.HasSuffix(s, "\n"):
		e.text("-")
	case s == "\n" || strings.HasSuffix(s, "\n\n"):
		e.text("+")
	}
	e.text("\n")
	for line := range strings.Lines(s) {
		if line != "\n" {
			e.spaces(indent)
		}
		e.text(line)
	}
	if !strings.HasSuffix(s, "\n") {
		e.text("\n")
	}
}

// columns counts the characters of a text in UTF-8.
func columns(b []byte) int { return utf8.RuneCount(b) }
