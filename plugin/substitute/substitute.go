// Package substitute puts values in the place of ${NAME} variables, in the string values of rendered objects.
//
// Only ${NAME} is a variable, where NAME is a letter or underscore followed by letters, digits and underscores.
// ${NAME:-default}, $NAME and $(NAME) are other tools' and stay as they are. Dollars directly before {NAME} come in
// pairs, each pair standing for one dollar: $${NAME} gives ${NAME}, $$${NAME} gives a dollar and the value, $$$${NAME}
// gives $${NAME}. Dollars anywhere else are just dollars.
//
// It is strict: a variable without a value is an error, never an empty string. A value is put in as it is and not
// searched for variables again. A string stays a string: after kustomize nobody can tell `replicas: ${N}` from
// `replicas: "${N}"`, so both give "3"; the plugin's replicas parameter sets the number.
//
// It never substitutes map keys (a variable in one is an error), never touches the base64 data of Secrets (stringData
// it does) nor an object that says tidegate.dev/substitute: disabled, and never prints a value. It runs after
// kustomize: the hash in a generated name does not change with the values in its content.
package substitute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/manifest"
)

// Annotation leaves its object untouched where it says Disabled.
const (
	Annotation = "tidegate.dev/substitute"
	Disabled   = "disabled"
)

// MaxGrowth is how many bytes of values one Apply puts in at the most, so that a small tree and one long value cannot
// fill the memory.
const MaxGrowth = 16 << 20

// Apply puts the values in, changing the objects in place. With no values it still takes the escapes away and refuses
// every variable; a caller that wants neither uses Find.
//
// It returns *UndefinedError where variables are left over, and other errors for a name in values that no variable can
// have, a bad annotation, or too large a result. On any error the objects are as they were.
func Apply(objects []manifest.Object, values map[string]string) error {
	return ApplyWithin(objects, values, func(int64) error { return nil })
}

// ApplyWithin is Apply that says before it changes anything by how many bytes the objects grow, and returns the error of that.
func ApplyWithin(objects []manifest.Object, values map[string]string, grow func(bytes int64) error) error {
	if err := checkNames(values); err != nil {
		return err
	}
	search := search{values: values}
	var candidates []manifest.Object
	for _, object := range objects {
		if !mentions(map[string]any(object)) {
			continue
		}
		disabled, err := isDisabled(object)
		if err != nil {
			return err
		}
		if disabled {
			continue
		}
		search.object(object)
		candidates = append(candidates, object)
	}
	if search.total > 0 {
		return &UndefinedError{Unresolved: search.suggest(), Total: search.total}
	}
	if search.growth > MaxGrowth {
		return fmt.Errorf("substitution would put in more than %d MiB of values", MaxGrowth>>20)
	}
	if err := grow(int64(search.growth)); err != nil {
		return err
	}
	for _, object := range candidates {
		secret := isSecret(object)
		for key, value := range object {
			if !secret || key != "data" {
				object[key] = replace(value, values)
			}
		}
	}
	return nil
}

// Find lists the variables, at most MaxListed of them, and changes nothing. An escaped one is none, nor is one that
// Apply would not look at. The objects' order is kept; within an object it is that of the sorted fields.
func Find(objects []manifest.Object) []Unresolved {
	var search search
	for _, object := range objects {
		if !mentions(map[string]any(object)) {
			continue
		}
		if disabled, _ := isDisabled(object); !disabled {
			search.object(object)
		}
	}
	return search.found
}

func checkNames(values map[string]string) error {
	var bad []string
	for name := range values {
		if !IsName(name) {
			bad = append(bad, fmt.Sprintf("%q", name))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	return fmt.Errorf("substitutions: no variable can be named %s: a name is letters, digits and underscores, and does not start with a digit",
		strings.Join(bad, ", "))
}

func isDisabled(object manifest.Object) (bool, error) {
	value, present := object.Map("metadata", "annotations")[Annotation]
	if !present {
		return false, nil
	}
	if value != Disabled {
		return false, fmt.Errorf("%s: %s is %q: %q is the only value it takes; without the annotation, variables are substituted",
			object.ID(), Annotation, fmt.Sprint(value), Disabled)
	}
	return true, nil
}

func isSecret(object manifest.Object) bool { return object.Kind() == "Secret" && object.Group() == "" }

// mentions says whether anything in there, keys too, could be a variable. It is all that most objects ever cost.
func mentions(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, "${")
	case map[string]any:
		for key, item := range value {
			if strings.Contains(key, "${") || mentions(item) {
				return true
			}
		}
	case []any:
		for _, item := range value {
			if mentions(item) {
				return true
			}
		}
	}
	return false
}

// replace returns what belongs in the value's place: the value itself, unless it is a string with a variable in it.
func replace(value any, values map[string]string) any {
	switch content := value.(type) {
	case string:
		if strings.Contains(content, "${") {
			return expand(content, values)
		}
	case map[string]any:
		for key, item := range content {
			content[key] = replace(item, values)
		}
	case []any:
		for i, item := range content {
			content[i] = replace(item, values)
		}
	}
	return value
}
