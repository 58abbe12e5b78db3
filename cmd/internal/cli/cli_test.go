package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/plugin/policy"
	"github.com/tidegate/tidegate/plugin/render"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	render.Lockdown()
	os.Exit(m.Run())
}

func newTestCommand() *cobra.Command {
	root := &cobra.Command{Use: "tidegate"}
	root.AddCommand(NewRender("tidegate", policy.Off), NewPlan(), NewVersion())
	return root
}

// execute runs a command line in a repository of these files.
func execute(t *testing.T, files map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, errs bytes.Buffer
	code = Execute(context.Background(), newTestCommand(), args, &out, &errs)
	return code, out.String(), errs.String()
}

var settings = map[string]string{
	"app/kustomization.yaml": "resources: [settings.yaml]\ncommonLabels: {app: a}\n",
	"app/settings.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n",
	"bad/kustomization.yaml": "resources: [gone.yaml]\n",
	"references.yaml":        "- {from: Widget.example.com, feld: spec.name}\n",
}

func TestExitCodesTellWhoIsAtFault(t *testing.T) {
	for _, test := range []struct {
		name   string
		args   []string
		want   int
		stderr string
	}{
		{"rendered", []string{"render", "app"}, ExitOK, "warning: app/kustomization.yaml: 'commonLabels' is deprecated."},
		{"planned", []string{"plan", "app"}, ExitOK, "warning: app/kustomization.yaml"},
		{"a file is missing", []string{"render", "bad"}, ExitInput, "bad/kustomization.yaml:1: resources: gone.yaml: no such file or folder\n"},
		{"no such folder", []string{"render", "nowhere"}, ExitUsage, "nowhere: no such folder"},
		{"a file instead of a folder", []string{"render", "app/settings.yaml"}, ExitUsage, "app/settings.yaml is a file"},
		{"an unknown flag", []string{"render", "--wave=off", "app"}, ExitUsage, "unknown flag: --wave"},
		{"an unknown command", []string{"rendr"}, ExitUsage, `unknown command "rendr"`},
		{"two folders", []string{"render", "app", "bad"}, ExitUsage, "one folder at a time, not 2"},
		{"an unknown format", []string{"render", "-o", "toml", "app"}, ExitUsage, `--output: "toml" is none of yaml, json`},
		{"an unknown mode", []string{"render", "--waves=on", "app"}, ExitUsage, `--waves: "on" is none of tiers, minimal, off`},
		{"an assignment without a value", []string{"render", "--set", "REGION", "app"}, ExitUsage, "--set REGION: want NAME=VALUE"},
		{"an image without a tag", []string{"render", "--image", "api", "app"}, ExitUsage, `image override "api": want`},
		{"references that cannot be read", []string{"render", "--references", "references.yaml", "app"}, ExitUsage, "references: references[0]"},
		{"a plan without waves", []string{"plan", "--waves=off", "app"}, ExitUsage, "--waves=off: there is no order to explain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, settings, test.args...)
			if code != test.want || !strings.HasPrefix(stderr, test.stderr) {
				t.Errorf("exit code %d, want %d; stderr %q, want it to begin %q", code, test.want, stderr, test.stderr)
			}
			if (code == ExitOK) != (stdout != "") {
				t.Errorf("exit code %d with stdout %q", code, stdout)
			}
		})
	}
}

func TestAFailedRenderShowsNothingButTheError(t *testing.T) {
	_, stdout, stderr := execute(t, map[string]string{
		"app/kustomization.yaml": "bases: [../gone]\ncommonLabels: {app: a}\n",
	}, "render", "app")
	if stdout != "" || stderr != "app/kustomization.yaml:1: bases: ../gone: no such file or folder\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
}

func TestJSONIsAListThatKubectlReads(t *testing.T) {
	_, stdout, _ := execute(t, settings, "render", "-o", "json", "app")
	var list struct {
		APIVersion, Kind string
		Items            []map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatal(err)
	}
	if list.APIVersion != "v1" || list.Kind != "List" || len(list.Items) != 1 {
		t.Errorf("got %s", stdout)
	}
}

func TestFlagsWinOverParametersAndTheFloorOverParameters(t *testing.T) {
	secret := map[string]string{
		"app/kustomization.yaml": "resources: [secret.yaml]\n",
		"app/secret.yaml":        "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {token: x}\n",
	}
	t.Setenv("ARGOCD_APP_PARAMETERS", `[{"name":"policy","string":"off"}]`)
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"parameters lower the default", []string{"render", "app"}, ExitOK},
		{"the floor holds against parameters", []string{"render", "--policy-floor=enforce", "app"}, ExitInput},
		{"the floor holds against flags", []string{"render", "--policy-floor=enforce", "--policy=off", "app"}, ExitInput},
		{"a flag holds against parameters", []string{"render", "--policy=enforce", "app"}, ExitInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			if code, _, stderr := execute(t, secret, test.args...); code != test.want {
				t.Errorf("exit code %d, want %d: %s", code, test.want, stderr)
			}
		})
	}
}

func TestTheSidecarsFloorNeedsNotBeConfigured(t *testing.T) {
	var flags Flags
	flags.defaultFloor = policy.Enforce
	t.Setenv("ARGOCD_ENV_TIDEGATE_POLICY", "off")
	settings, warnings, err := flags.Settings(os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	if settings.Policy != policy.Enforce || len(warnings) != 1 {
		t.Errorf("policy %s, warnings %q", settings.Policy, warnings)
	}
}
