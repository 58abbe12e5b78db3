package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/cmd/internal/cli"
	"github.com/tidegate/tidegate/generator/guard"
	"github.com/tidegate/tidegate/generator/server"
	"github.com/tidegate/tidegate/plugin/render"
)

func TestMain(m *testing.M) {
	if render.IsChild() {
		os.Exit(render.ServeChild())
	}
	render.Lockdown()
	os.Exit(m.Run())
}

const (
	repo     = "--repo-dir=../../examples/gitops-platform"
	clusters = "--clusters-file=../../examples/clusters.yaml"
	written  = "../../generator/preview/testdata/handwritten"
)

func execute(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Execute(context.Background(), newCommand(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodesOfPreviewTellWhoIsAtFault(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		name   string
		args   []string
		want   int
		stdout string
		stderr string
	}{
		{"computed", []string{clusters, "-o", "name", "--service", "ledger-worker"}, 0, "ledger-worker-production\nledger-worker-staging\n", ""},
		{"the same as by hand", []string{clusters, "--service", "payments-api", "--environment", "staging", "--environment", "production", "--diff", written}, 0, "payments-api-production: the same\n", ""},
		{"more than by hand", []string{clusters, "--service", "payments-api", "--diff", written}, 1, "payments-api-dev: generated, but not written by hand\n", "1 of 3 Applications differ\n"},
		{"a service that is not there", []string{clusters, "--service", "payment-api"}, 1, "", "ApplicationSet tidegate-services: input.parameters.services[0]: there is no service \"payment-api\""},
		{"no clusters", nil, 2, "", "--clusters-file is missing: which clusters are there?\n"},
		{"an unknown format", []string{clusters, "-o", "toml"}, 2, "", `--output: "toml" is none of table, yaml, json, name`},
		{"no such ApplicationSet", []string{clusters, "-f", missing}, 2, "", "open " + missing + ": no such file or directory\n"},
		{"no such hand-written Application", []string{clusters, "--diff", missing}, 1, "", "lstat " + missing + ": no such file or directory\n"},
		{"an unknown flag", []string{"--cluster"}, 2, "", "unknown flag: --cluster"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := execute(append([]string{"preview", repo}, test.args...)...)
			if code != test.want || !strings.HasPrefix(stdout, test.stdout) || !strings.HasPrefix(stderr, test.stderr) {
				t.Errorf("exit code %d, want %d\nstdout %s\nstderr %s", code, test.want, stdout, stderr)
			}
			if test.stdout == "" && stdout != "" {
				t.Errorf("stdout %s", stdout)
			}
		})
	}
}

func TestWhyOfAllSumsUpAndCompletesNames(t *testing.T) {
	code, stdout, stderr := execute("why", repo, clusters)
	if want := "tidegate-services: 5 Applications are demanded at revision "; code != 0 || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, want %q\nstdout %s\nstderr %s", code, want, stdout, stderr)
	}
	var all []guard.Summary
	if code, stdout, stderr = execute("why", repo, clusters, "--output=json"); code != 0 || json.Unmarshal([]byte(stdout), &all) != nil || len(all) != 2 {
		t.Errorf("exit code %d\nstdout %s\nstderr %s", code, stdout, stderr)
	}
	if _, stdout, _ = execute("__complete", "why", repo, clusters, "payments"); !strings.Contains(stdout, "payments-api-production\tis demanded\n") {
		t.Errorf("completed is\n%s", stdout)
	}
}

func TestWhyOfARunningGeneratorThatAnswersFromFilesSaysHowToAsk(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("open-sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(server.New(server.Options{Token: server.TokenFile(token)}))
	defer served.Close()
	code, stdout, stderr := execute("why", "--server="+served.URL, "--token-file="+token)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "tidegate why --clusters-file") {
		t.Errorf("exit code %d\nstdout %s\nstderr %s", code, stdout, stderr)
	}
}

// TestARepositoryWithoutClusterConfigurationHasAPreview: the ApplicationSet for it is not for such a repository, and must not
// hide all Applications of the other one.
func TestARepositoryWithoutClusterConfigurationHasAPreview(t *testing.T) {
	bare := t.TempDir()
	if err := os.CopyFS(bare, os.DirFS("../../examples/gitops-platform")); err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{"staging", "production"} {
		if err := os.RemoveAll(filepath.Join(bare, "clusters", cluster, "cluster-config")); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := execute("preview", "--repo-dir="+bare, clusters, "-o", "name")
	if code != 0 || !strings.Contains(stdout, "payments-api-production\n") || strings.Contains(stdout, "cluster-config") {
		t.Errorf("exit code %d\nstdout %s\nstderr %s", code, stdout, stderr)
	}
	if !strings.HasPrefix(stderr, "note: there is no clusters/<cluster>/cluster-config") {
		t.Errorf("nothing said that one ApplicationSet is left out: %s", stderr)
	}
}

func TestTheGeneratorDoesNotStartWithoutAToken(t *testing.T) {
	empty, token := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "token")
	for file, content := range map[string]string{empty: "", token: "open-sesame\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"none", nil, "--token-file is missing: without a token anybody could ask\n"},
		{"an empty one", []string{"--token-file", empty}, "token file " + empty + " is empty: anybody could ask\n"},
		{"a level that is none", []string{"--log-level", "loud"}, `--log-level: "loud" is none of debug, info, warn, error`},
		{"what only a generator beside Argo CD does", []string{"--token-file", token, "--ramp", "3"}, "--ramp is for a generator beside Argo CD, and --clusters-file for one without: leave one of them out\n"},
		{"a format that is none", []string{"--log-format", "xml"}, `--log-format: "xml" is none of json, text`},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := execute(append([]string{"generator", repo, clusters}, test.args...)...)
			if code != 2 || !strings.HasPrefix(stderr, test.want) {
				t.Errorf("exit code %d, stderr %s", code, stderr)
			}
		})
	}
}

func TestNoFlagOfAGeneratorBesideArgoCDIsIgnored(t *testing.T) {
	dir := t.TempDir()
	token, kubeconfig := filepath.Join(dir, "token"), filepath.Join(dir, "kubeconfig")
	for file, content := range map[string]string{token: "open-sesame\n", kubeconfig: "apiVersion: v1\nkind: Config\n" +
		"clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"signatures of a folder", []string{repo, "--verify-signatures"}, "--verify-signatures needs a mirror: name the repository with --repo-url\n"},
		{"a folder that is fetched", []string{repo, "--fetch-interval=1s"}, "--fetch-interval needs a mirror"},
		{"a folder and a repository", []string{repo, "--repo-url=https://token@example.com/platform"},
			"--repo-url has https://example.com/platform mirrored, and --repo-dir has ../../examples/gitops-platform read: leave one of them out\n"},
		{"neither", nil, "--repo-url is missing: which repository is mirrored?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := execute(append([]string{"generator", "--kubeconfig", kubeconfig, "--token-file", token}, test.args...)...)
			if code != 2 || !strings.HasPrefix(stderr, test.want) {
				t.Errorf("exit code %d, stderr %s", code, stderr)
			}
		})
	}
}

func TestTheGeneratorServesUntilItIsTold(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("open-sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, logged := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan int)
	go func() {
		ended <- cli.Execute(ctx, newCommand(), []string{"generator", repo, clusters, "--token-file", token, "--listen", "127.0.0.1:0", "--drain", "0s", "--log-format", "text"}, io.Discard, logged)
		_ = logged.Close()
	}()
	lines, address, found := bufio.NewScanner(log), "", false
	for !found {
		if !lines.Scan() {
			t.Fatal("it ended without listening")
		}
		_, address, found = strings.Cut(lines.Text(), "address=")
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	client := http.Client{Transport: &http.Transport{}}
	response, err := client.Get("http://" + address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s, %v", response.Status, err)
	}
	client.CloseIdleConnections()
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
