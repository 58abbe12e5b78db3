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
