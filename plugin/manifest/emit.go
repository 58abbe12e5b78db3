package manifest

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// emitter writes values in the block style of go.yaml.in/yaml/v2, which kustomize's output comes from: sorted keys, lists
// as deep as their key, everything else two spaces deeper, lines broken at the first space after column 80.
type emitter struct {
	out []byte
	// odd is set when the emitter met something it leaves to the library; out is then of no use.
	odd bool
}

func (e *emitter) document(object Object) {
	switch {
	case object == nil:
		e.text("null")
	case len(object) == 0:
		e.text("{}")
	default:
		e.fields(object, 0)
		return
	}
	e.text("\n")
}

// fields writes a map whose keys stand at column indent; the first one is written where the line already is.
func (e *emitter) fields(m map[string]any, indent int) {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareKeys)
	for i, key := range keys {
		if i > 0 {
			e.spaces(indent)
		}
		column := e.key(key, indent)
		switch value := m[key].(type) {
		case map[string]any:
			if len(value) > 0 {
				e.text("\n")
				e.spaces(indent + 2)
				e.fields(value, indent+2)
				continue
			}
		case []any:
			if len(value) > 0 {
				e.text("\n")
				e.spaces(indent)
				e.items(value, indent)
				continue
			}
		}
		e.text(" ")
		e.leaf(m[key], column+1, indent+2)
	}
}

// items writes a list whose dashes stand at column indent; the first one is written where the line already is.
func (e *emitter) items(list []any, indent int) {
	for i, item := range list {
		if i > 0 {
			e.spaces(indent)
		}
		e.text("- ")
		switch value := item.(type) {
		case map[string]any:
			if len(value) > 0 {
				e.fields(value, indent+2)
				continue
			}
		case []any:
			if len(value) > 0 {
				e.items(value, indent+2)
				continue
			}
		}
		e.leaf(item, indent+2, indent+2)
	}
}

// leaf writes what has nothing below it, and ends the line. It starts at column and continues at indent.
func (e *emitter) leaf(value any, column, indent int) {
	switch value := value.(type) {
	case string:
		e.str(value, column, indent)
		return // which ends the line if need be
	case nil:
		e.text("null")
	case bool:
		e.out = strconv.AppendBool(e.out, value)
	case int64:
		e.out = strconv.AppendInt(e.out, value, 10)
	case uint64:
		e.out = strconv.AppendUint(e.out, value, 10)
	case float64:
		e.float(value)
	case map[string]any:
		e.text(orNull(value == nil, "{}"))
	case []any:
		e.text(orNull(value == nil, "[]"))
	default:
		e.odd = true
	}
	e.text("\n")
}

// float writes what is left of a number once JSON has written it: one without a fraction has become an integer.
func (e *emitter) float(value float64) {
	switch number := jsonNumber(value).(type) {
	case int64:
		e.out = strconv.AppendInt(e.out, number, 10)
	case uint64:
		e.out = strconv.AppendUint(e.out, number, 10)
	case float64:
		e.odd = e.odd || math.IsInf(number, 0) || math.IsNaN(number)
		e.out = strconv.AppendFloat(e.out, number, 'g', -1, 64)
	}
}

// key writes a map key and its colon and returns the column after them.
func (e *emitter) key(key string, indent int) (column int) {
	if len(key) > 128 || strings.ContainsAny(key, "\n\r") {
		e.odd = true // written with a question mark
	}
	start := len(e.out)
	e.scalar(key, indent, unbroken)
	e.text(":")
	return indent + columns(e.out[start:])
}

// jsonNumber is what becomes of a float64 when it is written as JSON and read again: an int64, or a uint64, where JSON
// shows it with neither fraction nor exponent.
func jsonNumber(f float64) any {
	if f != math.Trunc(f) || math.Abs(f) >= 1e21 {
		return f
	}
	return number(strconv.FormatFloat(f, 'f', -1, 64))
}

func (e *emitter) text(s string) { e.out = append(e.out, s...) }

func (e *emitter) spaces(n int) {
	const blanks = "                                                                "
	for ; n > len(blanks); n -= len(blanks) {
		e.text(blanks)
	}
	e.text(blanks[:n])
}

func orNull(null bool, otherwise string) string {
	if null {
		return "null"
	}
	return otherwise
}
