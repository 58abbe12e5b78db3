package render

//lint:file-ignore SA1019 kustomizations may still use the deprecated fields

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/tidegate/tidegate/plugin/nearest"
)

// malformed says why a kustomization cannot be read, if so.
func (k *kustomization) malformed() error {
	again := kustomization{file: k.file, content: k.content, written: k.written}
	err := again.Unmarshal(k.content)
	if err == nil {
		if errs := again.EnforceFields(); len(errs) > 0 && k.Kind != "" {
			return fmt.Errorf("%s:%d: %s", k.file, line(k.written, "kind", ""), strings.Join(errs, "; "))
		}
		return again.unusable()
	}
	text := strings.TrimPrefix(err.Error(), "invalid Kustomization: ")
	if _, field, found := strings.Cut(text, `json: unknown field "`); found {
		field = strings.TrimSuffix(field, `"`)
		return fmt.Errorf("%s:%d: unknown field %s%s", k.file, keyLine(k.written, field), field, suggestion(field))
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		top, _, _ := strings.Cut(wrong.Field, ".")
		what := wrong.Field
		if what == "" {
			what = "the kustomization"
		}
		return fmt.Errorf("%s:%d: %s is %s, and kustomize wants %s", k.file, line(k.written, top, ""), what, article(wrong.Value),
			called(wrong.Type))
	}
	return errors.New(k.file + placed(text))
}

// article is what encoding/json found, in the words of YAML.
func article(found string) string {
	switch kind, _, _ := strings.Cut(found, " "); kind {
	case "array":
		return "a list"
	case "object":
		return "a map"
	default:
		return "a " + kind
	}
}

// called is what a Go type is in YAML.
func called(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "a map"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return "a number"
	}
}

// unusable says what kustomize refuses, without naming the file, or panics at, in a kustomization that can be read.
func (k *kustomization) unusable() error {
	for _, list := range []struct {
		field string
		paths []string
	}{{"resources", k.Resources}, {"bases", k.Bases}, {"components", k.Components}} {
		if slices.Contains(list.paths, "") {
			return fmt.Errorf("%s: %s: an entry is empty", k.at(list.field, ""), list.field)
		}
	}
	for _, image := range k.Images {
		if _, err := regexp.Compile("^" + image.Name); err != nil {
			return fmt.Errorf("%s: images: kustomize takes the name %q for a regular expression, and it is none: %w",
				k.at("images", image.Name), image.Name, err)
		}
	}
	k.FixKustomization()
	if k.CheckEmpty() != nil {
		return fmt.Errorf("%s: the kustomization is empty", k.file)
	}
	return nil
}

// suggestion names the field of a kustomization that was probably meant.
func suggestion(field string) string {
	var names []string
	kustomization := reflect.TypeFor[types.Kustomization]()
	for i := range kustomization.NumField() {
		if name, _, _ := strings.Cut(kustomization.Field(i).Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if best := nearest.Name(field, names); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}
