package substitute_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/substitute"
)

func TestTheNameThatWasMeantIsSuggested(t *testing.T) {
	values := map[string]string{"CLUSTER": "", "CLUSTER_NAME": "", "REGION": "", "B": "", "TAG": ""}
	for _, test := range []struct{ name, variable, want string }{
		{"letters swapped", "CLUTSER", "CLUSTER"},
		{"letter missing", "CLUSTR", "CLUSTER"},
		{"letter too many", "REGIONS", "REGION"},
		{"case", "cluster_name", "CLUSTER_NAME"},
		{"case and two slips", "clusternam", "CLUSTER_NAME"},
		{"the closer of two", "CLUSTERNAME", "CLUSTER_NAME"},
		{"short names that only have a length in common", "A", ""},
		{"nothing alike", "PASSWORD", ""},
		{"far too long", strings.Repeat("CLUSTER", 100), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := substitute.Apply(configMap("${"+test.variable+"}"), values)
			var undefined *substitute.UndefinedError
			if !errors.As(err, &undefined) {
				t.Fatalf("got %v", err)
			}
			if got := undefined.Unresolved[0].Nearest; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
