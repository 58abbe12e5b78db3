package plugin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/substitute"
	"github.com/tidegate/tidegate/plugin/wave"
)

// Settings are what a render can be told. They come, each over the one before, from the defaults, from ARGOCD_ENV_*,
// from ARGOCD_APP_PARAMETERS and from the command line; maps are merged key by key, lists are appended to.
type Settings struct {
	Waves  wave.Mode
	Policy policy.Level
	// FloatingImages is what becomes of an image without a fixed version. No source lowers it from Error.
	FloatingImages policy.Severity
	// Namespace is the destination's; where it is not told, the kustomization's own.
	Namespace string
	// Substitutions are the values of ${NAME}.
	Substitutions map[string]string
	// References are the user's rows for custom resources, YAML.
	References string
	Overrides  render.Overrides
}

// Defaults are the settings that nobody chose.
func Defaults() Settings {
	return Settings{Waves: wave.Tiers, Policy: policy.Enforce, FloatingImages: policy.Warning}
}

// Set sets the parameter of that name, which takes a string; an empty value sets nothing.
func (s *Settings) Set(parameter, value string) error {
	if value == "" {
		return nil
	}
	set, ok := stringParameters[parameter]
	if !ok {
		return unknown(parameter, slices.Sorted(maps.Keys(stringParameters)))
	}
	return set(s, value)
}

// Substitute adds or replaces the value of ${NAME}.
func (s *Settings) Substitute(name, value string) error {
	if !substitute.IsName(name) {
		return fmt.Errorf("%q cannot be the name of a variable: want letters, digits and underscores, no digit first", name)
	}
	if s.Substitutions == nil {
		s.Substitutions = map[string]string{}
	}
	s.Substitutions[name] = value
	return nil
}

// Check finds what is wrong with the settings whatever is rendered.
func (s *Settings) Check() error {
	if err := render.CheckText([]byte(s.References)); err != nil {
		return fmt.Errorf("references:%w", err)
	}
	if _, err := wave.ParseReferences([]byte(s.References)); err != nil {
		return fmt.Errorf("references: %w", err)
	}
	return s.Overrides.Check()
}

// Floor applies the floor of an installation: the policy can be stricter, never weaker. It returns a warning where the
// settings asked for less.
func (s *Settings) Floor(floor policy.Level) (warning string) {
	wanted := s.Policy
	s.Policy = policy.Stricter(floor, wanted)
	if s.Policy != wanted {
		return "policy: " + string(wanted) + " was asked for, and this installation demands at least " + string(s.Policy)
	}
	return ""
}
