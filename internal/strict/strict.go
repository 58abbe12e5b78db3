// Package strict decodes YAML into Go types by their JSON names, and refuses whatever does not fit them: unknown fields,
// repeated ones, empty values, numbers where text is wanted. Errors name the file, the line and the field that was
// probably meant, and all of them are told at once.
//
// It knows none of the types that it decodes into.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize is how large a file may be, in bytes.
const MaxSize = 8 << 20

// Document is one YAML document of a file.
type Document struct {
	// Errors are what is wrong with it.
	Errors Errors

	file  string
	node  *yaml.Node
	lines map[string]int
}

// Documents splits a file. Empty documents are left out. The error is an Errors.
func Documents(file string, data []byte) ([]*Document, error) {
	if len(data) > MaxSize {
		return nil, Errors{{File: file, Message: fmt.Sprintf("is larger than %d MiB", MaxSize>>20)}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var documents []*Document
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, Errors{syntaxError(file, err)}
		}
		if content := node.Content[0]; content.Tag != "!!null" {
			documents = append(documents, &Document{file: file, node: content, lines: map[string]int{}})
		}
	}
}

var lineInError = regexp.MustCompile(`^line (\d+): `)

// syntaxError takes the line out of the parser's message: yaml: line 3: mapping values are not allowed in this context.
func syntaxError(file string, err error) Error {
	message, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if found := lineInError.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1])
		message = strings.TrimPrefix(message, found[0])
	}
	return Error{File: file, Line: line, Message: "is not YAML: " + message}
}

// Text is the string at the top of the document under that name, or nothing: for telling documents apart before they are
// decoded.
func (d *Document) Text(name string) string {
	if d.node.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(d.node.Content); i += 2 {
		if d.node.Content[i].Value == name && d.node.Content[i+1].Kind == yaml.ScalarNode {
			d.lines[name] = d.node.Content[i].Line
			return d.node.Content[i+1].Value
		}
	}
	return ""
}

// Decode fills what into points to. The error is d.Errors.
func (d *Document) Decode(into any) error {
	value := d.read(into)
	if len(d.Errors) > 0 {
		return d.Errors
	}
	encoded, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(encoded, into)
	}
	if err != nil {
		d.Add("", "%v", err)
		return d.Errors
	}
	return nil
}

// Add notes what is wrong with a field: environments[1].name. The line is that of the field, or of what holds it.
func (d *Document) Add(field, format string, arguments ...any) {
	message := fmt.Sprintf(format, arguments...)
	if field != "" {
		message = field + ": " + message
	}
	d.Errors = append(d.Errors, Error{File: d.file, Line: d.Line(field), Message: message})
}

// Line is where a field is, or what holds it.
func (d *Document) Line(field string) int {
	for {
		if line, ok := d.lines[field]; ok || field == "" {
			return max(line, d.node.Line)
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
}

// Has tells whether a field is in the document.
func (d *Document) Has(field string) bool {
	_, ok := d.lines[field]
	return ok
}
