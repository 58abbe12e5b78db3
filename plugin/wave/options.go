package wave

import (
	"sort"
	"time"

	"github.com/tidegate/tidegate/plugin/wave/refer"
)

// Options says how to plan.
type Options struct {
	// Mode is Tiers where it is left out.
	Mode Mode
	// Namespace is the destination's: that of namespaced objects that name none.
	Namespace string
	// Delay is Argo CD's pause between two waves; DefaultDelay where it is left out.
	Delay time.Duration
	// References add to the built-in ones; ParseReferences reads them.
	References []Reference
	// Tiers gives tiers, by name, to kinds, as Kind.group; ParseTiers reads them.
	Tiers map[string]string
}

// Reference is one row of the table of references.
type Reference = refer.Reference

// ParseReferences reads the rows that users add to the table of references: a YAML list. Unknown fields are errors, and
// every error names its row.
func ParseReferences(yaml []byte) ([]Reference, error) { return refer.Parse(yaml) }

func (o Options) mode() Mode {
	if o.Mode == "" {
		return Tiers
	}
	return o.Mode
}

func (o Options) delay() time.Duration {
	if o.Delay == 0 {
		return DefaultDelay
	}
	return o.Delay
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
