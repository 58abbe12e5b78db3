package manifest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// nasties are texts that YAML writers get wrong: what looks like another type, what needs quotes, what breaks lines.
var nasties = []string{
	"", " ", "  ", "a", "y", "Y", "yes", "n", "No", "on", "OFF", "true", "True", "null", "Null", "~", "nullable", "yesterday",
	"0", "-0", "1", "80", "007", "08", "0x1F", "0b11", "0o17", "1_000", "+1", "1e3", "1.5", ".5", "5.", ".inf", "-.INF", ".nan", ".", "..", "...",
	"100m", "1Gi", "1.2.3", "10.0.0.1", "1:30", "190:20:30", "12:30:45.6", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43",
	"9223372036854775807", "9223372036854775808", "18446744073709551616", "1e400", "-", "--", "---", "--- a", "- a", "-a", "+", "?", "? a", "?a",
	":", ": a", ":a", "a:", "a: b", "a:b", "a :b", "a #b", "a#b", "#a", ",a", "[a", "]", "{a", "}", "&a", "*a", "!a", "|", ">", "'a'", "it's", `"a"`, `a"b`, `\`, `a\nb`,
	"%a", "@a", "`a", "<<", "=", "a<b>&c", "{{ .Values.x }}", "$(VAR)", "${VAR}",
	"\n", "\n\n", "a\n", "a\n\n", "a\nb", "a\nb\n", "\na", " a\nb", "a \nb", "a\n b", "a\n\n b\n", "a\nb ", "a\n \nb", "- a\n- b\n", "a: b\nc: d\n", "#!/bin/sh\nset -e\n",
	"\t", "a\tb", "\ta", "a\t", "a\n\tb\n", "\r", "a\r\nb\r\n", "\x00", "\x07", "\x1b[0m", "\x7f", "\u0080", "\u0085", "a\u0085b", "\u00a0", "\u00ad", "\u2028", "a\u2029b",
	"\ufeff", "a\ufeffb", "\ufffd", "\ufffe", "\uffff", "\ue000", "\ud7ff", "é", "naïve – “quotes” …", "日本語", "日本語: 日本", "😀", "a 😀 b", "\xff", "a\xc3", "日\xaa0", "\xed\xa0\x80",
	strings.Repeat("word ", 40), strings.Repeat("word ", 40) + "end", "it's " + strings.Repeat("word ", 40) + "end", strings.Repeat("word  ", 40) + "end",
	strings.Repeat("é: ö ", 40) + "end", strings.Repeat("naïve ", 30) + "end", strings.Repeat("a\tb c  d ", 30) + "end", "2001-01-01 " + strings.Repeat(" ", 90) + "x",
	strings.Repeat("x", 200), strings.Repeat("x", 200) + " y z", strings.Repeat("x", 81) + " ", " " + strings.Repeat("x", 81) + " y", strings.Repeat("x", 128), strings.Repeat("x", 129),
	strings.Repeat("x", 1100), "a\n" + strings.Repeat("long line ", 40) + "\nb\n",
}

func TestYAMLIsWhatKustomizeWouldWrite(t *testing.T) {
	values := []any{
		nil, true, false, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), uint64(math.MaxInt64) + 1, uint64(math.MaxUint64),
		0.0, math.Copysign(0, -1), 1.0, 1.5, -2.25, 0.1, 1e-7, 1e-5, 123456.789, 1234567.5, 1e6, 1e19, 1e20, 1e21, 1e22, 9007199254740993.0, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1),
		float64(math.MaxInt64), float64(math.MaxUint64),
		map[string]any{}, []any{}, map[string]any(nil), []any(nil), []any{[]any{}}, []any{[]any{[]any{int64(1), "a"}, map[string]any{"a": nil, "b": []any{"c"}}}, nil},
		map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": []any{[]any{"d"}}, "e": "f\ng"}}}},
		map[string]string{"typed": "map"}, []string{"typed", "list"}, 1, int32(2), float32(0.5), json.Number("3"), Object{"nested": "object"},
	}
	for _, s := range nasties {
		values = append(values, s)
	}
	for _, value := range values {
		for _, object := range around(value) {
			compare(t, object)
		}
	}
}

func TestYAMLSortsKeysAsKustomizeDoes(t *testing.T) {
	object := Object{}
	for _, key := range append(nasties, "a1", "a2", "a10", "a01", "a010", "a1b", "a-1", "a_1", "a.1", "A", "B", "b", "aB", "ab", "é", "e", "z", "1", "2", "10", "01", "a٣", "a١٠", "x/y", "x-y", "tls.crt", "tls.key") {
		compare(t, Object{key: key, "other": int64(1)})
		if len(key) <= 128 && !strings.Contains(key, "\n") && utf8.ValidString(key) { // keys out of the ordinary were compared one by one
			object[key] = "v"
		}
	}
	compare(t, object)
}

func TestYAMLSeparatesObjects(t *testing.T) {
	got, err := YAML([]Object{{"a": int64(1)}, {"b": "\x00"}, {}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a: 1\n---\nb: \"\\0\"\n---\n{}\n---\nnull\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONKeepsNumbers(t *testing.T) {
	got, err := JSON([]Object{{"i": int64(math.MaxInt64), "u": uint64(math.MaxUint64), "f": 1e21, "s": "<&>"}})
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseJSON([]byte(strings.TrimSuffix(strings.SplitAfterN(string(got), `"items": `, 2)[1], ",\n  \"kind\": \"List\"\n}\n")))
	if err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if diff := cmp.Diff([]Object{{"i": int64(math.MaxInt64), "u": uint64(math.MaxUint64), "f": 1e21, "s": "<&>"}}, back); diff != "" {
		t.Error(diff)
	}
}

func FuzzYAML(f *testing.F) {
	for i, s := range nasties {
		f.Add(uint64(i), s)
	}
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		compare(t, randomObject(rand.New(rand.NewPCG(seed, 1)), text))
		for _, object := range around(text) {
			compare(t, object)
		}
	})
}

// around puts a value where it can stand: below keys, in lists, deep down, where lines break elsewhere.
func around(value any) []Object {
	deep := Object{"value": value}
	for range 12 {
		deep = Object{"deep": map[string]any(deep)}
	}
	return []Object{
		{"value": value}, {"value": []any{value, "after", value}}, {"value": map[string]any{"a": value, "b": value}}, deep,
		{"value": []any{[]any{value, value}, map[string]any{"a": value, "b": []any{value}}}},
	}
}

// randomObject makes an object of random shape, of words, numbers and pieces of the text.
func randomObject(r *rand.Rand, text string) Object {
	object := Object{}
	for range 1 + r.IntN(6) {
		object[randomText(r, text)] = randomValue(r, text, 4)
	}
	return object
}

func randomValue(r *rand.Rand, text string, depth int) any {
	switch n := r.IntN(12); {
	case n == 0:
		return r.Int64() >> r.IntN(64)
	case n == 1:
		return (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(60)-30))
	case n == 2:
		return []any{nil, true, false, uint64(math.MaxUint64), math.Floor(1e9 * r.Float64())}[r.IntN(5)]
	case n < 5 && depth > 0:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, text, depth-1)
		}
		return list
	case n < 8 && depth > 0:
		m := map[string]any{}
		for range r.IntN(5) {
			m[randomText(r, text)] = randomValue(r, text, depth-1)
		}
		return m
	default:
		return randomText(r, text)
	}
}

func randomText(r *rand.Rand, text string) string {
	words := append([]string{text, " ", " ", "  ", "\n", ": ", " #", "- ", "'", `"`, "a", "b2", "10", "é", "\t", "long-word-without-spaces", "no", "."}, nasties...)
	n := 1 + r.IntN(3)
	if r.IntN(4) == 0 {
		n = 30 // enough to break lines
	}
	var s strings.Builder
	for range n {
		s.WriteString(words[r.IntN(len(words))])
	}
	return s.String()
}

// compare fails the test unless YAML writes what the library does, or fails where it does.
func compare(t *testing.T, object Object) {
	t.Helper()
	if unordered(map[string]any(object)) {
		return
	}
	var want []byte
	text, wantErr := json.Marshal(object)
	if wantErr == nil {
		want, wantErr = yaml.JSONToYAML(text)
	}
	got, err := YAML([]Object{object})
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%#v: error %v, want %v", object, err, wantErr)
	}
	if wantErr == nil && string(got) != string(want) {
		t.Errorf("%#v\n got: %q\nwant: %q", object, got, want)
	}
}

// unordered says whether a value has a key with more digits in a row than the library's order can count: it then puts keys
// in another order at every run.
func unordered(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if manyDigits.MatchString(key) || unordered(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, unordered)
	}
	return false
}

var manyDigits = regexp.MustCompile("[0-9]{19}")
