package generate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/manifest"
)

func TestDocumentsAreTheBytesOfTheLibrary(t *testing.T) {
	object := manifest.Object{
		"kind": "A", "empty": "", "html": "a <b> & c", "quotes": `"a" \ b`, "lines": "a\nb\n\n\"c\"\n", "control": "\x00\t\r\x7f",
		"text": "grüße \u2028 \U0001F600", "broken": "a\xffb", "key \"<>\n": "x", "n": int64(-5), "u": uint64(math.MaxUint64), "f": 1.5, "e": 1e30,
		"b": []any{true, false, nil}, "m": map[string]any{}, "l": []any{}, "nm": map[string]any(nil), "nl": []any(nil),
		"nested": []any{map[string]any{"b": []any{[]any{"x"}}, "a": map[string]any{"z": "", "y": nil}}},
	}
	want, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	got, err := encode([]manifest.Object{object})
	if err != nil || got[0] != string(want) {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if _, err := encode([]manifest.Object{{"kind": "A", "f": math.NaN()}}); err == nil || !strings.HasPrefix(err.Error(), "A") {
		t.Errorf("a number that JSON does not have: %v", err)
	}
}

func TestASchemaIsFoundHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]bool{
		"openapi: {path: a}": true, "resources: []\nopenapi :\n  path: a\n": true, `{"openapi":{"path":"a"}}`: true,
		"{resources: [], OpenAPI: {path: a}}": true, "'openapi' : {}": true, "\topenapi\n: x": true,
		"openapi: 3.0.3\ninfo: {}\n": false, "openapi : \"3.1.0\"": false, "openapi:\t'3'": false, `{"openapi":"3.0.3"}`: false, `{"openapi":3}`: false,
		"openapi: 3\nOpenAPI: {path: a}": true, "{openapi: 3, openapi: {path: a}}": true, "openapi:\n  3: x": true, "openapi: # 3\n  path: a": true,
		"? openapi\n: 3: x": true, "? openapi\r: 3: x": true, "openapi: {3: x}": true, "openapi: !!map\n  3: x": true, "openapi: &a 3": true, "openapi: *a": true,
		"openapi: \"path\"": true, "openapi: \"\n 3\"": true, "openapi:": true, "openapi: \"": true, "openapi: ''3": true, "openapi: [3]": true, "openapi: -3": true,
		"openAPIV3Schema: {}": false, "# about openapi": false, "myopenapi: x": false, "": false, ":": false, "api: x": false,
	} {
		if got := bringsSchema([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestFoldersWhoseNamesAreNoTextAreNotTheSame: an archive names files with any bytes.
func TestFoldersWhoseNamesAreNoTextAreNotTheSame(t *testing.T) {
	known := map[archive.Hash]Request{}
	for _, r := range []Request{
		{Dir: "a\xff"}, {Dir: "a\xfe"}, {Dir: "a\uFFFD"}, {Dir: `a\xff`}, {Place: "a\xff"}, {Place: "a\xfe"},
	} {
		key, err := r.key(nil)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := known[key]; taken {
			t.Errorf("%q in %q and %q in %q are one", r.Dir, r.Place, other.Dir, other.Place)
		}
		known[key] = r
	}
}
