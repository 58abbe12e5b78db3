package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/nearest"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/wave"
)

// parameter is one entry of ARGOCD_APP_PARAMETERS: Argo CD's ApplicationSourcePluginParameter as JSON. Argo CD 2.14
// drops empty values and 3.x keeps them, so an empty one is as good as none.
type parameter struct {
	Name   string            `json:"name"`
	String *string           `json:"string"`
	Array  []string          `json:"array"`
	Map    map[string]string `json:"map"`
}

// The table of parameters: each takes a string, a list, a map or more than one of them. plugin.yaml announces the same
// ones, and a test compares the two.
var (
	stringParameters = map[string]func(*Settings, string) error{
		"waves":           setWaves,
		"policy":          setPolicy,
		"floating-images": setFloatingImages,
		"references":      func(s *Settings, v string) error { s.References = v; return nil },
		"name-prefix":     func(s *Settings, v string) error { s.Overrides.NamePrefix = v; return nil },
		"name-suffix":     func(s *Settings, v string) error { s.Overrides.NameSuffix = v; return nil },
	}
	listParameters = map[string]func(*Settings, []string) error{
		"images": func(s *Settings, v []string) error { s.Overrides.Images = append(s.Overrides.Images, v...); return nil },
		"replicas": func(s *Settings, v []string) error {
			s.Overrides.Replicas = append(s.Overrides.Replicas, v...)
			return nil
		},
	}
	mapParameters = map[string]func(*Settings, map[string]string) error{
		"substitutions": setSubstitutions,
		"replicas":      setReplicas,
	}
)

func setWaves(s *Settings, value string) error {
	mode := wave.Mode(value)
	if !slices.Contains([]wave.Mode{wave.Tiers, wave.Minimal, wave.Off}, mode) {
		return fmt.Errorf("%q is none of tiers, minimal, off", value)
	}
	s.Waves = mode
	return nil
}

func setPolicy(s *Settings, value string) (err error) {
	level, err := policy.ParseLevel(value)
	if err == nil {
		s.Policy = level
	}
	return err
}

func setFloatingImages(s *Settings, value string) error {
	severity, err := policy.ParseFloatingImages(value)
	if err == nil {
		s.FloatingImages = policy.Graver(s.FloatingImages, severity)
	}
	return err
}

func setSubstitutions(s *Settings, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := s.Substitute(name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func setReplicas(s *Settings, counts map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		s.Overrides.Replicas = append(s.Overrides.Replicas, name+"="+counts[name])
	}
	return nil
}

// ParameterNames are the names that Parameters knows, sorted.
func ParameterNames() []string {
	names := slices.Collect(maps.Keys(stringParameters))
	names = slices.AppendSeq(names, maps.Keys(listParameters))
	names = slices.AppendSeq(names, maps.Keys(mapParameters))
	slices.Sort(names)
	return slices.Compact(names)
}

// Parameters applies ARGOCD_APP_PARAMETERS, a JSON list. Empty and null are no parameters.
func (s *Settings) Parameters(list string) error {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(list)))
	decoder.DisallowUnknownFields()
	var parameters []parameter
	if err := decoder.Decode(&parameters); err != nil {
		return fmt.Errorf("ARGOCD_APP_PARAMETERS: %w", err)
	}
	seen := map[string]bool{}
	for _, p := range parameters {
		if seen[p.Name] {
			return fmt.Errorf("parameter %s is given twice", p.Name)
		}
		seen[p.Name] = true
		if err := s.parameter(p); err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
	}
	return nil
}

func (s *Settings) parameter(p parameter) error {
	asString, takesString := stringParameters[p.Name]
	asList, takesList := listParameters[p.Name]
	asMap, takesMap := mapParameters[p.Name]
	switch {
	case !takesString && !takesList && !takesMap:
		return unknown(p.Name, ParameterNames())
	case p.String != nil && *p.String != "" && !takesString,
		len(p.Array) > 0 && !takesList,
		len(p.Map) > 0 && !takesMap:
		return fmt.Errorf("it takes %s", takes(takesString, takesList, takesMap))
	case p.String != nil && *p.String != "":
		return asString(s, *p.String)
	case len(p.Array) > 0 && len(p.Map) > 0:
		return fmt.Errorf("it is given as a list and as a map")
	case len(p.Array) > 0:
		return asList(s, p.Array)
	case len(p.Map) > 0:
		return asMap(s, p.Map)
	}
	return nil
}

func unknown(name string, known []string) error {
	if best := nearest.Name(name, known); best != "" {
		return fmt.Errorf("there is no such parameter; did you mean %s?", best)
	}
	return fmt.Errorf("there is no such parameter; the parameters are %s", strings.Join(known, ", "))
}

func takes(aString, aList, aMap bool) string {
	var forms []string
	for form, taken := range map[string]bool{"a string": aString, "a list (array)": aList, "a map": aMap} {
		if taken {
			forms = append(forms, form)
		}
	}
	slices.Sort(forms)
	return strings.Join(forms, " or ")
}
