package cmpserver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

const head = "apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: tidegate}\n"

func readConfig(t *testing.T, text string) (cmpserver.Config, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return cmpserver.ReadConfig(dir)
}

func TestThePluginYAMLThatIsShippedIsServed(t *testing.T) {
	config, err := cmpserver.ReadConfig("../..")
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Socket("/plugins"); got != "/plugins/tidegate.sock" {
		t.Errorf("the socket is %s", got)
	}
	if args := config.RenderArguments(); len(args) != 1 || !strings.HasPrefix(args[0], "--policy-floor=") {
		t.Errorf("the floor is lost: %q", args)
	}
}

func TestWhatOnlyAShellCanDoIsRefusedAtStart(t *testing.T) {
	const generate = "  generate: {command: [tidegate-plugin, render]}\n"
	for _, test := range []struct{ name, spec, want string }{
		{"init", generate + "  init: {command: [npm, ci]}\n", "spec.init is a command"},
		{"dynamic parameters", generate + "  parameters: {dynamic: {command: [x]}}\n", "spec.parameters.dynamic is a command"},
		{"discovery by command", generate + "  discover: {find: {command: [x]}}\n", "spec.discover.find.command is a command"},
		{"credentials", generate + "  provideGitCreds: true\n", "spec.provideGitCreds"},
		{"another command", "  generate: {command: [sh, -c, 'tidegate-plugin render | sed s/a/b/']}\n", "spec.generate.command is"},
		{"no command", "  parameters: {}\n", "spec.generate.command is"},
		{"a pattern that cannot be read", generate + "  discover: {fileName: '['}\n", "spec.discover.fileName"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readConfig(t, head+"spec:\n"+test.spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
		})
	}
}

func TestDiscoveryFindsWhatArgoCDsServerFinds(t *testing.T) {
	const spec = head + "spec:\n  generate: {command: [tidegate-plugin, render]}\n  discover: "
	content := pack(t, with(service, "app/nested/deep/values.yaml", "a: 1\n"))
	for _, test := range []struct {
		rule    string
		enabled bool
		want    bool
	}{
		{"{}", false, false},
		{"{fileName: kustomization.yaml}", true, true},
		{"{fileName: ./kustomiz*.yaml}", true, true},
		{"{fileName: values.yaml}", true, false},
		{"{fileName: ../app/settings.yaml}", true, true},
		{"{fileName: ../../app}", true, false},
		{"{find: {glob: '**/values.yaml'}}", true, true},
		{"{find: {glob: '**/kustomization.yaml'}}", true, true},
		{"{find: {glob: 'nested/*/values.y?ml'}}", true, true},
		{"{find: {glob: '**/Chart.yaml'}}", true, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			config, err := readConfig(t, spec+test.rule+"\n")
			if err != nil {
				t.Fatal(err)
			}
			client := serve(t, cmpserver.Options{Config: config})
			checked, err := client.CheckPluginConfiguration(t.Context(), nil)
			if err != nil || checked.IsDiscoveryConfigured != test.enabled || checked.ProvideGitCreds {
				t.Errorf("the configuration is %v, %v", checked, err)
			}
			stream, err := client.MatchRepository(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range ask("app", content) {
				if err := stream.Send(message); err != nil {
					t.Fatal(err)
				}
			}
			got, err := stream.CloseAndRecv()
			want := &protocol.RepositoryResponse{IsSupported: test.want, IsDiscoveryEnabled: test.enabled}
			if err != nil || got.String() != want.String() {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}
