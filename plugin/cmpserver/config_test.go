package cmpserver_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-zglob"

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
		{"another command", "  generate: {command: [sh, -c, 'tidegate-plugin render | sed s/a/b/']}\n", "spec.generate.command is [\"sh\" \"-c\""},
		{"another of its commands", "  generate: {command: [tidegate-plugin], args: [serve]}\n", "spec.generate.command is [\"tidegate-plugin\" \"serve\"]"},
		{"the program alone", "  generate: {command: [tidegate-plugin]}\n", "spec.generate.command is"},
		{"no command", "  parameters: {}\n", "spec.generate.command is []; the native server does only what [tidegate-plugin, render] does: write that"},
		{"only arguments", "  generate: {args: [tidegate-plugin, render]}\n", "spec.generate.command is"},
		{"a pattern that cannot be read", generate + "  discover: {fileName: '['}\n", "spec.discover: \"[\" cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := readConfig(t, head+"spec:\n"+test.spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
		})
	}
}

// TestTheFlagsOfRenderAreTakenWhereverTheyStand: Argo CD's own server runs each of these alike.
func TestTheFlagsOfRenderAreTakenWhereverTheyStand(t *testing.T) {
	const flag = "--policy-floor=enforce"
	for _, generate := range []string{
		"{command: [tidegate-plugin, render, " + flag + "]}",
		"{command: [tidegate-plugin, render], args: [" + flag + "]}",
		"{command: [tidegate-plugin], args: [render, " + flag + "]}",
		"{command: [/usr/local/bin/tidegate-plugin], args: [render, " + flag + "]}",
	} {
		config, err := readConfig(t, head+"spec: {generate: "+generate+"}\n")
		if err != nil {
			t.Errorf("%s: %v", generate, err)
			continue
		}
		if got := config.RenderArguments(); !slices.Equal(got, []string{flag}) {
			t.Errorf("%s: the flags are %q", generate, got)
		}
	}
}

func TestDiscoveryFindsWhatArgoCDsServerFinds(t *testing.T) {
	const spec = head + "spec:\n  generate: {command: [tidegate-plugin, render]}\n  discover: "
	files := with(service, "app/nested/deep/values.yaml", "a: 1\n")
	files["app/linked"] = "-> nested"
	content, dir := pack(t, files), lay(t, files)
	for _, test := range []struct {
		rule string
		want bool
	}{
		{"{fileName: kustomization.yaml}", true},
		{"{fileName: /kustomization.yaml}", true},
		{"{fileName: ./kustomiz*.yaml}", true},
		{"{fileName: values.yaml}", false},
		{"{fileName: '**/deep'}", true},
		{"{fileName: '**/values.yaml'}", false},
		{"{fileName: '{kustomization,Kustomization}.yaml'}", false},
		{"{fileName: ../app/settings.yaml}", true},
		{"{fileName: linked/deep/values.yaml}", true},
		{"{fileName: linked/*/gone.yaml}", false},
		{"{find: {glob: '**/values.yaml'}}", true},
		{"{find: {glob: '**/kustomization.yaml'}}", true},
		{"{find: {glob: 'nested/*/values.yaml'}}", true},
		{"{find: {glob: 'nested/*/values.y?ml'}}", false},
		{"{find: {glob: 'nested/*/value[r-t].yaml'}}", true},
		{"{find: {glob: '**/{Chart,values}.yaml'}}", true},
		{"{find: {glob: '{a,b}/{Chart,values}.yaml'}}", false},
		{"{find: {glob: '**/Chart.yaml'}}", false},
		{"{find: {glob: '../{app,b}/settings.*'}}", true},
		{"{find: {glob: 'nested/deep/values.yaml'}}", true},
		{"{find: {glob: nested/deep/gone.yaml}}", false},
		{"{find: {glob: '*/deep'}}", true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			config, err := readConfig(t, spec+test.rule+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if theirs := matchedByArgoCD(t, filepath.Join(dir, "app"), config.Spec.Discover); theirs != test.want {
				t.Errorf("Argo CD's server says %v", theirs)
			}
			if got := matchRepository(t, serve(t, cmpserver.Options{Config: config}), content); got.IsSupported != test.want || !got.IsDiscoveryEnabled {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWithoutADiscoveryRuleNothingIsSentForIt(t *testing.T) {
	client := serve(t, cmpserver.Options{})
	checked, err := client.CheckPluginConfiguration(t.Context(), nil)
	if err != nil || checked.IsDiscoveryConfigured || checked.ProvideGitCreds {
		t.Errorf("the configuration is %v, %v", checked, err)
	}
	if got := matchRepository(t, client, pack(t, service)); got.IsSupported || got.IsDiscoveryEnabled {
		t.Errorf("got %v", got)
	}
}

func TestNothingAboveTheRepositoryIsFound(t *testing.T) {
	config, err := readConfig(t, head+"spec:\n  generate: {command: [tidegate-plugin, render]}\n  discover: {fileName: ../../app}\n")
	if err != nil {
		t.Fatal(err)
	}
	client := serve(t, cmpserver.Options{Config: config})
	if checked, err := client.CheckPluginConfiguration(t.Context(), nil); err != nil || !checked.IsDiscoveryConfigured {
		t.Errorf("the configuration is %v, %v", checked, err)
	}
	if got := matchRepository(t, client, pack(t, service)); got.IsSupported || !got.IsDiscoveryEnabled {
		t.Errorf("got %v", got)
	}
}

// matchRepository asks for the folder app.
func matchRepository(t *testing.T, client protocol.ConfigManagementPluginServiceClient, content []byte) *protocol.RepositoryResponse {
	t.Helper()
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
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// lay puts the files into a folder.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = errors.Join(err, os.Symlink(target, file))
		} else {
			err = errors.Join(err, os.WriteFile(file, []byte(content), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// matchedByArgoCD is what its server calls (argo-cd cmpserver/plugin, matchRepository).
func matchedByArgoCD(t *testing.T, dir string, rule cmpserver.Discover) bool {
	t.Helper()
	if rule.FileName != "" {
		found, err := filepath.Glob(filepath.Join(dir, rule.FileName))
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	}
	found, err := zglob.Glob(filepath.Join(dir, rule.Find.Glob))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return len(found) > 0
}
