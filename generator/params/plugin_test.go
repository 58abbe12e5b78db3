package params_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/generator/params"
	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/wave"
)

func TestThePluginUnderstandsEverySettingOfTidegateYAML(t *testing.T) {
	document := strings.Replace(plain, "project: p,", `project: p,
  values: {REGION: eu},
  plugin: {waves: minimal, policy: warn, floatingImages: refuse, substitutions: {TIER: gold},
    references: [{from: Widget.example.com, field: spec.secretName, to: Secret}]},`, 1)
	set := compute(t, world(t, document, []string{"staging"}), params.Input{}).Sets[0]
	settings := plugin.Defaults()
	if err := settings.Parameters(set.PluginParameters); err != nil {
		t.Fatal(err)
	}
	if _, err := wave.ParseReferences([]byte(settings.References)); err != nil {
		t.Error(err)
	}
	settings.References = ""
	want := plugin.Defaults()
	want.Waves, want.Policy, want.FloatingImages = wave.Minimal, policy.Warn, policy.Error
	want.Substitutions = map[string]string{"REGION": "eu", "TIER": "gold"}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
