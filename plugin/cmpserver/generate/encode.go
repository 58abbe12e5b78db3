package generate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// encode writes each object as JSON, as Argo CD's own plugin server does with what a command prints: in the bytes of
// encoding/json, at a third of its cost, which matters where there are large custom resource definitions.
func encode(objects []manifest.Object) ([]string, error) {
	documents := make([]string, 0, len(objects))
	e := encoder{}
	for _, object := range objects {
		e.out = e.out[:0]
		e.value(map[string]any(object))
		if e.err != nil {
			return nil, fmt.Errorf("%s: %w", object.ID(), e.err)
		}
		documents = append(documents, string(e.out))
	}
	return documents, nil
}

type encoder struct {
	out []byte
	// last is how many bytes the library wrote last.
	last int
	err  error
}

func (e *encoder) value(value any) {
	switch value := value.(type) {
	case map[string]any:
		if value == nil {
			e.out = append(e.out, "null"...)
			return
		}
		e.fields(value)
	case []any:
		if value == nil {
			e.out = append(e.out, "null"...)
			return
		}
		e.out = append(e.out, '[')
		for i, item := range value {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.value(item)
		}
		e.out = append(e.out, ']')
	case string:
		e.text(value)
	case bool:
		e.out = strconv.AppendBool(e.out, value)
	case int64:
		e.out = strconv.AppendInt(e.out, value, 10)
	default:
		e.library(value)
	}
}

func (e *encoder) fields(m map[string]any) {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	e.out = append(e.out, '{')
	for i, key := range keys {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.text(key)
		e.out = append(e.out, ':')
		e.value(m[key])
	}
	e.out = append(e.out, '}')
}

// text writes a string. One with anything that JSON escapes, or that could be no UTF-8, is left to the library, line by
// line, since descriptions are long and mostly plain.
func (e *encoder) text(s string) {
	e.out = append(e.out, '"')
	for {
		line, rest, more := strings.Cut(s, "\n")
		if plain(line) {
			e.out = append(e.out, line...)
		} else {
			e.library(line)
			if e.err != nil {
				return
			}
			// Without the library's own quotes.
			begin := len(e.out) - e.last
			e.out = append(e.out[:begin], e.out[begin+1:len(e.out)-1]...)
		}
		if !more {
			break
		}
		e.out = append(e.out, '\\', 'n')
		s = rest
	}
	e.out = append(e.out, '"')
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// library writes what encoding/json makes of a value.
func (e *encoder) library(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		e.err = err
	}
	e.out, e.last = append(e.out, text...), len(text)
}
