package admission

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// field is a key of a parameter set, and what it is where there is nothing to say, as JSON.
type field struct{ key, empty string }

var setFields, clusterFields = fieldsOf[params.Set](), fieldsOf[params.Cluster]()

// emptyText is what params has where nothing is set, of those keys whose values are JSON texts.
var emptyText = map[string]string{"pluginParameters": `"[]"`, "syncPolicy": `"{}"`, "ignoreDifferences": `"[]"`}

func fieldsOf[T any]() []field {
	var out []field
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		empty := emptyText[key]
		switch f.Type.Kind() {
		case reflect.Map, reflect.Struct:
			empty = "{}"
		case reflect.Slice:
			empty = "[]"
		default:
			if empty == "" {
				empty = `""`
			}
		}
		out = append(out, field{key, empty})
	}
	return out
}

// raw is what is answered for an Application that is held: what made it, byte for byte. Where an earlier version has written
// that, the keys that have been added since follow with their empty values: a template that has one of them would fail, and
// with it the whole ApplicationSet, everybody else's changes too.
func raw(app *live.Application) json.RawMessage {
	text := app.Parameters
	if at, cluster := find(text, "cluster"); cluster != "" {
		if full := completed(cluster, clusterFields); full != cluster {
			text = text[:at] + full + text[at+len(cluster):]
		}
	}
	return json.RawMessage(completed(text, setFields))
}

// completed is an object with all of the keys. It has one at least.
func completed(object string, fields []field) string {
	lacking := lacks(object, fields)
	if len(lacking) == 0 {
		return object
	}
	end := strings.LastIndexByte(object, '}')
	out := []byte(object[:end])
	for _, field := range lacking {
		out = append(out, `,"`+field.key+`":`+field.empty...)
	}
	return string(out) + object[end:]
}

func lacks(object string, fields []field) []field {
	has := make([]string, 0, len(fields))
	eachMember(object, func(key, _ string, _ int) { has = append(has, key) })
	var out []field
	for _, field := range fields {
		if !slices.Contains(has, field.key) {
			out = append(out, field)
		}
	}
	return out
}

// find returns a member's value, and where it begins.
func find(object, key string) (at int, found string) {
	eachMember(object, func(other, value string, from int) {
		if other == key {
			at, found = from, value
		}
	})
	return at, found
}

// eachMember calls each with the members of what is known to be an object, and with where their values begin.
func eachMember(object string, each func(key, value string, at int)) {
	// The only error is that it is none.
	_ = members(object, func(key, value string, at int) error {
		each(key, value, at)
		return nil
	})
}
