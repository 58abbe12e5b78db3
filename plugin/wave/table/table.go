// Package table reads the planner's data files: YAML lists whose rows are flow mappings, one to a line.
//
// It reads only that much of YAML, because the planner reads its tables at every start of the plugin and a whole YAML
// reader would take longer than the planning; a test compares it with a real one. It never reads what users write.
package table

import (
	"fmt"
	"strings"
)

// Row is one line of a table.
type Row struct {
	Line   int
	Fields []Field
}

// Field is one entry of a row: a scalar is a list of one.
type Field struct {
	Key    string
	Values []string
}

// Read reads a table. It panics on a malformed one: tables are part of the program.
func Read(text string) []Row {
	var rows []Row
	for number := 1; text != ""; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		body, ok := strings.CutPrefix(line, "- {")
		if !ok {
			panic(fmt.Sprintf("table: line %d: not a row: %s", number, line))
		}
		rows = append(rows, Row{Line: number, Fields: fields(body, number)})
	}
	return rows
}

// fields reads "key: value, key: [value, value]}".
func fields(text string, line int) []Field {
	var out []Field
	for {
		key, rest, ok := strings.Cut(text, ": ")
		if !ok {
			panic(fmt.Sprintf("table: line %d: no value: %s", line, text))
		}
		field := Field{Key: key}
		if list, isList := strings.CutPrefix(rest, "["); isList {
			for rest = list; ; rest = rest[2:] {
				var value string
				value, rest = scalar(rest)
				field.Values = append(field.Values, value)
				if !strings.HasPrefix(rest, ", ") {
					break
				}
			}
			rest = strings.TrimPrefix(rest, "]")
		} else {
			var value string
			value, rest = scalar(rest)
			field.Values = []string{value}
		}
		out = append(out, field)
		if rest == "}" {
			return out
		}
		if text, ok = strings.CutPrefix(rest, ", "); !ok {
			panic(fmt.Sprintf("table: line %d: unexpected %q", line, rest))
		}
	}
}

// scalar reads a plain or quoted value (no escapes) and returns what follows it.
func scalar(text string) (value, rest string) {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		end := strings.IndexByte(text[1:], text[0])
		return text[1 : end+1], text[end+2:]
	}
	end := strings.IndexAny(text, ",]}")
	return text[:end], text[end:]
}
