package wave

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/tidegate/tidegate/plugin/wave/refer"
	"github.com/tidegate/tidegate/plugin/wave/table"
)

// Tier is where a kind goes when nothing else is known.
type Tier struct {
	Name string
	Wave int
}

// The tiers whose names rules use. What nobody needs is leaf, which is always the last wave.
const (
	workloadsTier = "workloads"
	leafTier      = "leaf"
	leafWave      = 100
)

//go:embed tiers.yaml
var tiersTable string

// builtinTiers is tiers.yaml: the tiers by name and by kind.
var builtinTiers = sync.OnceValue(func() tierTable {
	tiers := tierTable{map[string]Tier{}, map[refer.Kind]Tier{}}
	for row := range table.Rows(tiersTable) {
		var tier Tier
		for _, field := range row.Fields {
			switch field.Key {
			case "tier":
				tier.Name = field.Values[0]
			case "wave":
				tier.Wave, _ = strconv.Atoi(field.Values[0])
			case "kinds":
				tiers.byName[tier.Name] = tier
				for _, kind := range field.Values {
					tiers.byKind[refer.ParseKind(kind)] = tier
				}
			}
		}
	}
	return tiers
})

type tierTable struct {
	byName map[string]Tier
	byKind map[refer.Kind]Tier
}

// of is the tier of a kind; extra, by Kind.group, goes before the built-in ones.
func (t tierTable) of(kind refer.Kind, extra map[string]string) Tier {
	if name, ok := extra[kind.String()]; ok {
		return t.byName[name]
	}
	if tier, ok := t.byKind[kind]; ok {
		return tier
	}
	return t.byName[workloadsTier]
}

// ParseTiers reads the tiers that users give kinds of their own: a map from Kind.group to the name of a tier.
func ParseTiers(text []byte) (map[string]string, error) {
	var out map[string]string
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		return nil, fmt.Errorf("tiers: not a map such as {Database.example.com: configuration}: %w", err)
	}
	return out, checkTiers(out)
}

func checkTiers(tiers map[string]string) error {
	var errs []error
	for _, kind := range sortedKeys(tiers) {
		if _, ok := builtinTiers().byName[tiers[kind]]; !ok {
			errs = append(errs, fmt.Errorf("tiers: %s: there is no tier %q; use foundations, access, configuration, workloads, admission or leaf", kind, tiers[kind]))
		}
	}
	return errors.Join(errs...)
}
