// Package table reads the planner's data files: YAML lists whose rows are flow mappings, one to a line.
//
// It reads only that much of YAML, because the planner reads its tables at every start of the plugin and a whole YAML
// reader would take longer than the planning; a test compares it with a real one. It never reads what users write.
package table

import (
	"fmt"
	"iter"
	"strings"
)

// Row is one line of a table. It is valid until the next is read.
type Row struct {
	Line   int
	Fields []Field
}

// Field is one entry of a row: a scalar is a list of one.
type Field struct {
	Key    string
	Values []string
}

// Rows reads a table. It panics on a malformed one: tables are part of the program.
func Rows(text string) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		r := reader{}
		for r.line = 1; text != ""; r.line++ {
			var line string
			line, text, _ = strings.Cut(text, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if !yield(Row{Line: r.line, Fields: r.row(line)}) {
				return
			}
		}
	}
}

// reader keeps its memory from row to row.
type reader struct {
	line   int
	fields []Field
	values []string
}

// row reads "- {key: value, key: [value, value]}".
func (r *reader) row(text string) []Field {
	rest := r.after(text, "- {")
	r.fields, r.values = r.fields[:0], r.values[:0]
	for {
		key, after, ok := strings.Cut(rest, ": ")
		if !ok {
			r.panic(rest)
		}
		start := len(r.values)
		rest = r.value(after)
		r.fields = append(r.fields, Field{key, r.values[start:len(r.values):len(r.values)]})
		if rest == "}" {
			return r.fields
		}
		rest = r.after(rest, ", ")
	}
}

// value reads one scalar or a list of them, and returns what follows.
func (r *reader) value(text string) string {
	list, isList := strings.CutPrefix(text, "[")
	if !isList {
		return r.scalar(text)
	}
	rest := r.scalar(list)
	for strings.HasPrefix(rest, ", ") {
		rest = r.scalar(rest[2:])
	}
	return r.after(rest, "]")
}

// scalar reads a plain or quoted value (no escapes), and returns what follows.
func (r *reader) scalar(text string) string {
	quoted := text != "" && (text[0] == '"' || text[0] == '\'')
	end, skip := strings.IndexAny(text, ",]}"), 0
	if quoted {
		text, end, skip = text[1:], strings.IndexByte(text[1:], text[0]), 1
	}
	if end < 0 {
		r.panic(text)
	}
	r.values = append(r.values, text[:end])
	return text[end+skip:]
}

func (r *reader) after(text, prefix string) string {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		r.panic(text)
	}
	return rest
}

func (r *reader) panic(at string) { panic(fmt.Sprintf("table: line %d: unexpected %q", r.line, at)) }
