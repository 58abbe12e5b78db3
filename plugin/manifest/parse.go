package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// ParseJSON reads a JSON list of objects.
func ParseJSON(list []byte) ([]Object, error) {
	decoder := json.NewDecoder(bytes.NewReader(list))
	decoder.UseNumber()
	var objects []Object
	if err := decoder.Decode(&objects); err != nil {
		return nil, fmt.Errorf("reading objects: %w", err)
	}
	for _, object := range objects {
		numbers(map[string]any(object))
	}
	return objects, nil
}

// numbers replaces every json.Number below a value by the types that Object promises, and returns the value.
func numbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = numbers(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = numbers(inner)
		}
	case json.Number:
		return number(value.String())
	}
	return value
}

func number(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return f
}
