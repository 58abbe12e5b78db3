package plugin_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
	"github.com/tidegate/tidegate/plugin/wave"
)

func TestParametersWinOverTheEnvironment(t *testing.T) {
	settings := plugin.Defaults()
	err := settings.Environment([]string{
		`ARGOCD_APP_PARAMETERS=[
			{"name":"waves","string":"minimal"},
			{"name":"substitutions","map":{"REGION":"eu-west-1"}},
			{"name":"images","array":["api=registry.example:5000/api:v2"]},
			{"name":"replicas","map":{"web":"3","api":"2"}},
			{"name":"name-prefix","string":"blue-"},
			{"name":"name-suffix","string":"-2"},
			{"name":"references","string":"- kind: Database"}]`,
		"ARGOCD_APP_NAMESPACE=payments-staging",
		"ARGOCD_ENV_TIDEGATE_WAVES=off",
		"ARGOCD_ENV_TIDEGATE_POLICY=warn",
		"ARGOCD_ENV_TIDEGATE_FLOATING_IMAGES=refuse",
		"ARGOCD_ENV_REGION=us-east-1",
		"ARGOCD_ENV_CLUSTER=staging",
		"ARGOCD_ENV_not-a-variable=x",
		"PARAM_WAVES=tiers",
		"CLUSTER=not ours",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := plugin.Settings{
		Waves:          wave.Minimal,
		Policy:         policy.Warn,
		FloatingImages: policy.Error,
		Namespace:      "payments-staging",
		Substitutions:  map[string]string{"REGION": "eu-west-1", "CLUSTER": "staging"},
		References:     "- kind: Database",
		Overrides: render.Overrides{
			Images:     []string{"api=registry.example:5000/api:v2"},
			Replicas:   []string{"api=2", "web=3"},
			NamePrefix: "blue-", NameSuffix: "-2",
		},
	}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParametersThatSayNothingChangeNothing(t *testing.T) {
	for name, list := range map[string]string{
		"none":            "",
		"null":            "null",
		"empty":           "[]",
		"an empty string": `[{"name":"waves","string":""}]`,
		"no value":        `[{"name":"waves"}]`,
		"an empty map":    `[{"name":"substitutions","map":{}},{"name":"images","array":[]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			settings := plugin.Defaults()
			if err := settings.Parameters(list); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plugin.Defaults(), settings); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAParameterThatCannotBeMeantIsNamed(t *testing.T) {
	for _, test := range []struct{ name, environment, want string }{
		{"misspelt", `ARGOCD_APP_PARAMETERS=[{"name":"wave","string":"off"}]`,
			`parameter wave: there is no such parameter; did you mean waves?`},
		{"unknown", `ARGOCD_APP_PARAMETERS=[{"name":"helm-values","string":"x"}]`,
			`parameter helm-values: there is no such parameter; the parameters are floating-images, images, name-prefix, name-suffix, policy, references, replicas, substitutions, waves`},
		{"twice", `ARGOCD_APP_PARAMETERS=[{"name":"policy","string":"off"},{"name":"policy","string":"enforce"}]`,
			`parameter policy is given twice`},
		{"a list for a string", `ARGOCD_APP_PARAMETERS=[{"name":"waves","array":["off"]}]`,
			`parameter waves: it takes a string`},
		{"a string for a list or map", `ARGOCD_APP_PARAMETERS=[{"name":"replicas","string":"web=3"}]`,
			`parameter replicas: it takes a list (array) or a map`},
		{"a value that is none", `ARGOCD_APP_PARAMETERS=[{"name":"waves","string":"on"}]`,
			`parameter waves: "on" is none of tiers, minimal, off`},
		{"no variable", `ARGOCD_APP_PARAMETERS=[{"name":"substitutions","map":{"A-B":"x"}}]`,
			`parameter substitutions: "A-B" cannot be the name of a variable: want letters, digits and underscores, no digit first`},
		{"not JSON", `ARGOCD_APP_PARAMETERS=waves=off`,
			`ARGOCD_APP_PARAMETERS: invalid character 'w' looking for beginning of value`},
		{"a misspelt setting", `ARGOCD_ENV_TIDEGATE_WAVE=off`,
			`ARGOCD_ENV_TIDEGATE_WAVE: there is no such setting; did you mean ARGOCD_ENV_TIDEGATE_WAVES?`},
		{"an unknown setting", `ARGOCD_ENV_TIDEGATE_X=off`,
			`ARGOCD_ENV_TIDEGATE_X: there is no such setting; there are ARGOCD_ENV_TIDEGATE_FLOATING_IMAGES, ARGOCD_ENV_TIDEGATE_NAME_PREFIX, ARGOCD_ENV_TIDEGATE_NAME_SUFFIX, ARGOCD_ENV_TIDEGATE_POLICY, ARGOCD_ENV_TIDEGATE_REFERENCES, ARGOCD_ENV_TIDEGATE_WAVES`},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := plugin.Defaults()
			err := settings.Environment([]string{test.environment})
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestThePolicyOfAnInstallationCannotBeLowered(t *testing.T) {
	for _, test := range []struct{ floor, asked, want policy.Level }{
		{policy.Enforce, policy.Off, policy.Enforce},
		{policy.Enforce, policy.Warn, policy.Enforce},
		{policy.Warn, policy.Off, policy.Warn},
		{policy.Warn, policy.Enforce, policy.Enforce},
		{policy.Off, policy.Off, policy.Off},
	} {
		t.Run(string(test.floor)+" over "+string(test.asked), func(t *testing.T) {
			settings := plugin.Defaults()
			settings.Policy = test.asked
			warning := settings.Floor(test.floor)
			if settings.Policy != test.want {
				t.Errorf("policy is %s, want %s", settings.Policy, test.want)
			}
			if lowered := test.want != test.asked; lowered != strings.Contains(warning, string(test.asked)) {
				t.Errorf("warning %q", warning)
			}
		})
	}
}

func TestAnImageThatMustNotFloatStaysSo(t *testing.T) {
	settings := plugin.Defaults()
	for _, value := range []string{"refuse", "warn"} {
		if err := settings.Set("floating-images", value); err != nil {
			t.Fatal(err)
		}
	}
	if settings.FloatingImages != policy.Error {
		t.Errorf("floating images are a %s after one source said refuse", settings.FloatingImages)
	}
}

func TestReferencesThatNoParserSurvivesAreRefused(t *testing.T) {
	settings := plugin.Defaults()
	settings.References = "- &a \"" + strings.Repeat("x", 64<<10) + "\"\n- [" + strings.Repeat("*a, ", 10_000) + "]\n"
	if err := settings.Check(); err == nil || err.Error() != "references:2: its YAML aliases expand to more than 100000 nodes" {
		t.Errorf("got %.200v", err)
	}
}
