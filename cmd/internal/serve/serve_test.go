package serve_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/cmd/internal/serve"
	"github.com/tidegate/tidegate/plugin/policy"
)

// pluginYAML writes one, and returns the flag that names its folder.
func pluginYAML(t *testing.T, generate string) string {
	t.Helper()
	dir := t.TempDir()
	text := "kind: ConfigManagementPlugin\nmetadata: {name: tidegate}\nspec:\n  generate: " + generate + "\n"
	if err := os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config-dir-path=" + dir
}

func TestAServerThatCannotServeSaysWhyAtOnce(t *testing.T) {
	plugin := func(generate string) string { return pluginYAML(t, generate) }
	good := plugin("{command: [tidegate-plugin, render]}")
	for _, test := range []struct {
		name string
		args []string
		env  map[string]string
		code int
		want string
	}{
		{"no plugin.yaml", []string{"--config-dir-path=" + t.TempDir()}, nil, cli.ExitUsage, "plugin.yaml: no such file"},
		{"a shell", []string{plugin("{command: [sh, -c, x]}")}, nil, cli.ExitUsage, "spec.generate.command is"},
		{"a flag that is none", []string{plugin("{command: [tidegate-plugin, render], args: [--wave=off]}")}, nil, cli.ExitUsage, "unknown flag: --wave"},
		{"a floor that is none", []string{plugin("{command: [tidegate-plugin, render, --policy-floor=high]}")}, nil, cli.ExitUsage, "--policy-floor"},
		{"another root", []string{plugin("{command: [tidegate-plugin, render, --root=/]}")}, nil, cli.ExitUsage, "--root"},
		{"a folder", []string{plugin("{command: [tidegate-plugin, render, /etc]}")}, nil, cli.ExitUsage, "the Application's folder"},
		{"a log level that is none", []string{good, "--loglevel=loud"}, nil, cli.ExitUsage, "--loglevel"},
		{"a log format that is none", []string{good, "--logformat=xml"}, nil, cli.ExitUsage, "--logformat"},
		{"no folder for the socket", []string{good, "--http-address="}, map[string]string{"ARGOCD_PLUGINSOCKFILEPATH": "/nowhere"}, cli.ExitInput, "/nowhere/tidegate.sock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			var stdout, stderr bytes.Buffer
			code := cli.Execute(context.Background(), serve.New(policy.Enforce), test.args, &stdout, &stderr)
			if code != test.code || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit code %d, want %d; stderr %q, want %s", code, test.code, stderr.String(), test.want)
			}
		})
	}
}
