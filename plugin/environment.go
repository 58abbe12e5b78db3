package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/plugin/nearest"
	"github.com/tidegate/tidegate/plugin/substitute"
)

const (
	// environmentPrefix is what Argo CD puts before the names in an Application's source.plugin.env.
	environmentPrefix = "ARGOCD_ENV_"
	// settingPrefix is what follows where the variable is a setting, not a value: ARGOCD_ENV_TIDEGATE_WAVES.
	settingPrefix = "TIDEGATE_"
)

// Environment applies what Argo CD tells a plugin: ARGOCD_APP_NAMESPACE (the destination's namespace), ARGOCD_ENV_* and
// then ARGOCD_APP_PARAMETERS. An ARGOCD_ENV_TIDEGATE_* is the parameter of that name, if it takes a string; any other
// ARGOCD_ENV_* is a value to substitute. PARAM_* is not read: different parameters may make one name of it.
func (s *Settings) Environment(environment []string) error {
	variables := slices.Clone(environment)
	slices.Sort(variables)
	parameters := ""
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == "ARGOCD_APP_NAMESPACE":
			s.Namespace = value
		case name == "ARGOCD_APP_PARAMETERS":
			parameters = value
		case strings.HasPrefix(name, environmentPrefix+settingPrefix):
			if err := s.variable(name, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case strings.HasPrefix(name, environmentPrefix) && substitute.IsName(name[len(environmentPrefix):]):
			if err := s.Substitute(name[len(environmentPrefix):], value); err != nil {
				return err
			}
		}
	}
	return s.Parameters(parameters)
}

func (s *Settings) variable(name, value string) error {
	known := map[string]string{}
	var names []string
	for parameter := range stringParameters {
		variable := environmentPrefix + settingPrefix + strings.ToUpper(strings.ReplaceAll(parameter, "-", "_"))
		known[variable], names = parameter, append(names, variable)
	}
	slices.Sort(names)
	parameter, ok := known[name]
	switch {
	case !ok && nearest.Name(name, names) != "":
		return fmt.Errorf("there is no such setting; did you mean %s?", nearest.Name(name, names))
	case !ok:
		return fmt.Errorf("there is no such setting; there are %s", strings.Join(names, ", "))
	}
	return s.Set(parameter, value)
}
