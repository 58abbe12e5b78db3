package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/generator/live"
	"github.com/tidegate/tidegate/generator/params"
)

// recorded reads the parameter set that an Application was made from, and that can be answered again to keep it as it is.
//
// Whoever may edit an Application may write into its annotation, and what is held from it is written by Argo CD with the
// rights of the ApplicationSet controller. So it must be the same to us as to Argo CD, and may not change the project.
func recorded(app *live.Application) (params.Set, error) {
	if app.Parameters == "" {
		return params.Set{}, fmt.Errorf("it has no annotation %s", params.Annotation)
	}
	set, err := params.ParseAnnotation(app.Parameters)
	if err == nil {
		err = unambiguous(app.Parameters)
	}
	if err != nil {
		return params.Set{}, err
	}
	switch {
	case set.Name != app.Name:
		err = fmt.Errorf("its annotation %s is that of the Application %s", params.Annotation, set.Name)
	case set.Project != app.Project:
		err = fmt.Errorf("its project is %q, but its annotation %s says %q", app.Project, params.Annotation, set.Project)
	case set.Kind == "" || set.Path == "" || set.Cluster.Name == "" || set.Cluster.Server == "":
		err = fmt.Errorf("its annotation %s lacks kind, path or cluster", params.Annotation)
	}
	return set, err
}

// holdable tells why an Application cannot be held. It is recorded without decoding, which costs more than all the rest where
// every Application is held.
func holdable(app *live.Application) error {
	if plain(app) {
		return nil
	}
	_, err := recorded(app)
	return err
}

// plain tells that an annotation is what it should be, as far as a held Application depends on it: a value elsewhere that no
// template can use makes Argo CD refuse the whole answer, and deletes nothing.
func plain(app *live.Application) bool {
	if !json.Valid([]byte(app.Parameters)) {
		return false
	}
	found := 0
	require := func(is bool) {
		if is {
			found++
		}
	}
	err := plainKeys(app.Parameters, keys, func(key, value string) error {
		switch key {
		case "name":
			require(value == `"`+app.Name+`"`)
		case "project":
			require(value == `"`+app.Project+`"`)
		case "kind", "path":
			require(len(value) > 2 && value[0] == '"')
		case "cluster":
			return plainKeys(value, clusterKeys, func(key, value string) error {
				if key == "name" || key == "server" {
					require(len(value) > 2 && value[0] == '"')
				}
				return nil
			})
		}
		return nil
	})
	return err == nil && found == 6
}

// keys are those of a parameter set, and of the cluster in it.
var keys, clusterKeys = keysOf(setFields), keysOf(clusterFields)

func keysOf(fields []field) map[string]bool {
	out := make(map[string]bool, len(fields))
	for _, field := range fields {
		out[field.key] = true
	}
	return out
}

// unambiguous refuses what encoding/json reads otherwise than Argo CD, which decodes into maps: keys that differ only in
// case, keys that come twice, and null, which no template can use.
func unambiguous(text string) error {
	return plainKeys(text, keys, func(key, value string) error {
		if key == "cluster" {
			return plainKeys(value, clusterKeys, nil)
		}
		return nil
	})
}

func plainKeys(text string, known map[string]bool, each func(key, value string) error) error {
	seen := make([]string, 0, len(known))
	return members(text, func(key, value string, _ int) error {
		switch {
		case strings.Contains(key, `\`) || slices.Contains(seen, key) || !known[key] && differsInCase(key, known):
			return fmt.Errorf("annotation %s: the key %q is there twice or written in an unusual way", params.Annotation, key)
		case known[key] && value == "null":
			return fmt.Errorf("annotation %s: %s is null", params.Annotation, key)
		}
		seen = append(seen, key)
		if each == nil {
			return nil
		}
		return each(key, value)
	})
}

func differsInCase(key string, known map[string]bool) bool {
	for other := range known {
		if strings.EqualFold(key, other) {
			return true
		}
	}
	return false
}

var errNoObject = errors.New("annotation " + params.Annotation + ": is no JSON object")

// members calls each with the keys of an object, without their quotes, and their values, as they stand, and where these begin.
// The text is valid JSON.
func members(text string, each func(key, value string, at int) error) error {
	at := space(text, 0)
	if at >= len(text) || text[at] != '{' {
		return errNoObject
	}
	at = space(text, at+1)
	for at < len(text) && text[at] == '"' {
		end := quoted(text, at)
		key := text[at+1 : end-1]
		start := space(text, space(text, end)+1)
		at = value(text, start)
		if err := each(key, strings.TrimRight(text[start:at], " \t\r\n"), start); err != nil {
			return err
		}
		if at < len(text) && text[at] == ',' {
			at = space(text, at+1)
		}
	}
	return nil
}

func space(text string, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return at
}

// quoted returns where the string that begins at a quote ends.
func quoted(text string, at int) int {
	for at++; at < len(text) && text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return min(at+1, len(text))
}

// value returns where a value ends: at the comma or brace after it.
func value(text string, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			at = quoted(text, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
		case ',':
			if depth == 0 {
				return at
			}
		}
		at++
	}
	return at
}
