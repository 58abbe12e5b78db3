package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/guard"
)

func TestTheOverviewHasALineForWhatDoesNotStay(t *testing.T) {
	var text strings.Builder
	err := writeOverview(&text, []guard.Summary{
		{ApplicationSet: "services", Revision: "r1", Do: "kubectl annotate applicationset services", Applications: []guard.Explanation{
			{Application: "api-production", State: guard.Held, Why: []string{"its overlay is gone", "production is protected"}},
			{Application: "api-staging", State: guard.Stays},
			{Application: "web-staging", State: guard.Waits, Why: []string{"20 are not settled,\nand that is the limit"}},
		}},
		{ApplicationSet: "matrix", Unknown: "it lies in a matrix", Applications: []guard.Explanation{{Application: "combined", State: guard.Unknown}}},
		{ApplicationSet: "broken", Frozen: "it gets no answer: two generators", Applications: []guard.Explanation{{Application: "old", State: guard.Frozen}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `APPLICATION      STATE   APPLICATIONSET   WHY
api-production   held    services         its overlay is gone; production is protected
web-staging      waits   services         20 are not settled, and that is the limit

services: 1 of 3 Applications stay, at revision r1
  To let go all 1 that are held, with everything that they have delivered: kubectl annotate applicationset services
matrix: what becomes of its 1 Applications cannot be told: it lies in a matrix
broken: 1 Applications stay as they are, and 0 wait: it gets no answer: two generators
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Error(diff)
	}
}
