package nearest_test

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/nearest"
)

func TestAMisspeltNameFindsWhatWasMeant(t *testing.T) {
	names := []string{"images", "namePrefix", "namespace", "resources", "REGION"}
	for _, test := range []struct{ name, given, want string }{
		{"a letter too many", "resourcess", "resources"},
		{"a letter too few", "resorces", "resources"},
		{"two letters swapped", "resuorces", "resources"},
		{"another case", "nameprefix", "namePrefix"},
		{"another case and a slip", "regoin", "REGION"},
		{"nothing near", "helmCharts", ""},
		{"too short to tell", "x", ""},
		{"too long to be a slip", strings.Repeat("resources", 10), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := nearest.Name(test.given, names); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
