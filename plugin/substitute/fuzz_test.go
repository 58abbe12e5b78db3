package substitute_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/manifest"
	"github.com/tidegate/tidegate/plugin/substitute"
)

var variable = regexp.MustCompile(`\$+\{[A-Za-z_][A-Za-z0-9_]*\}`)

// split parses what variable matched: how many dollars, and the name.
func split(match string) (dollars int, name string) {
	dollars = strings.Index(match, "{")
	return dollars, match[dollars+1 : len(match)-1]
}

// escape makes a text that Apply turns back into the one given.
func escape(text string) string {
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		dollars, _ := split(match)
		return strings.Repeat("$", dollars) + match
	})
}

// FuzzApply compares Apply with a second implementation of its rule by regular expression. The rule leaves no variable
// of the input in place, but it does not promise that the output holds none: a value may hold one, ${${A}} makes one.
func FuzzApply(f *testing.F) {
	for _, seed := range []string{
		"", "$", "${", "${A", "${A}", "$${A}", "$$${A}", "$$$$${B}", "${${A}}", "${A${B}", "x${A}y$${B}z${C}", "${A:-${B}}",
		"${1}", "${}", "$(A)", "$A", "${A}${A}", "${{ A }}", "\xff${A}\x00", "${_}", "ü${Ü}",
	} {
		f.Add(seed, "key", "1", "${A}$")
		f.Add("plain", seed, seed, "")
	}
	f.Fuzz(func(t *testing.T, text, key, a, b string) {
		values := map[string]string{"A": a, "B": b}
		undefined, inKey := map[string]bool{}, false
		want := variable.ReplaceAllStringFunc(text, func(match string) string {
			dollars, name := split(match)
			pairs := strings.Repeat("$", dollars/2)
			if dollars%2 == 0 {
				return pairs + match[dollars:]
			}
			value, ok := values[name]
			if !ok {
				undefined[name] = true
			}
			return pairs + value
		})
		for _, match := range variable.FindAllString(key, -1) {
			dollars, _ := split(match)
			inKey = inKey || dollars%2 == 1
		}

		object := func(value string) []manifest.Object {
			return []manifest.Object{{"kind": "Fuzz", "spec": map[string]any{key: []any{value}}}}
		}
		value := func(in []manifest.Object) string { return in[0].List("spec", key)[0].(string) }

		in := object(text)
		found := substitute.Find(in)
		err := substitute.Apply(in, values)
		if (err != nil) != (len(undefined) > 0 || inKey) {
			t.Fatalf("undefined %v, in key %v, error %v", undefined, inKey, err)
		}
		if err != nil {
			var e *substitute.UndefinedError
			if !errors.As(err, &e) || e.Total < len(undefined) {
				t.Fatalf("%v", err)
			}
			if got := value(in); got != text {
				t.Fatalf("a failed Apply changed %q to %q", text, got)
			}
			return
		}
		got := value(in)
		if got != want {
			t.Fatalf("%q gives %q, want %q", text, got, want)
		}
		if len(found) == 0 && len(values) > 0 && variable.FindString(text) == "" && got != text {
			t.Fatalf("no variable, yet %q became %q", text, got)
		}
		again := object(escape(got))
		if err := substitute.Apply(again, values); err != nil || value(again) != got {
			t.Fatalf("escaping does not undo: %q became %q, %v", got, value(again), err)
		}
		if variable.FindString(got) == "" {
			if err := substitute.Apply(in, values); err != nil || value(in) != got {
				t.Fatalf("a second Apply changed %q to %q, %v", got, value(in), err)
			}
		}
	})
}
