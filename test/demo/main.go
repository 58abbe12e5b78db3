// Command demo shows on the example repository what Tidegate does to a deployment: the plan, the manifests with their waves,
// the same manifests out of Argo CD's own plugin server, the Applications out of Argo CD's own ApplicationSet code, what one
// changed line changes, and a refusal. It needs no cluster and no network, and fails if
// anything that it shows is not so.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/test/cmpserver"
)

const staging = "services/payments-api/overlays/staging"

type demo struct {
	bin  string
	repo string // a checkout of the example
}

func main() {
	bin := flag.String("bin", "bin", "the folder of the binaries")
	repo := flag.String("repo", "examples/gitops-platform", "the config repository")
	clusters := flag.String("clusters", "examples/clusters.yaml", "the clusters")
	config := flag.String("config", ".", "the folder of plugin.yaml")
	flag.Parse()
	if err := run(*bin, *repo, *clusters, *config); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(bin, repo, clusters, config string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	checkout, err := os.MkdirTemp("", "tidegate-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(checkout)
	if err := os.CopyFS(checkout, os.DirFS(repo)); err != nil {
		return err
	}
	// Where the repository ends: nothing above it is read, and messages name paths below it.
	if err := os.Mkdir(filepath.Join(checkout, ".git"), 0o700); err != nil {
		return err
	}
	known, err := os.ReadFile(clusters)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(checkout, "clusters.yaml"), known, 0o600); err != nil {
		return err
	}
	d := demo{bin: bin, repo: checkout}
	return errors.Join(d.plan(), d.render(), d.argoCD(config), d.generator(), d.applications(), d.promotion(), d.refusal())
}

func title(text string) { fmt.Printf("\n=== %s\n\n", text) }

// tidegate runs the command in the repository, as a reader would.
func (d demo) tidegate(args ...string) (stdout, stderr []byte, err error) {
	fmt.Printf("$ tidegate %s\n", strings.Join(args, " "))
	cmd := exec.Command(filepath.Join(d.bin, "tidegate"), args...)
	cmd.Dir = d.repo
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

func (d demo) plan() error {
	title("The order in which Argo CD will apply staging, and why")
	stdout, stderr, err := d.tidegate("plan", staging)
	fmt.Printf("%s%s", stdout, stderr)
	return err
}

func (d demo) render() error {
	title("What Argo CD is given: kustomize's objects with their waves (here without the bodies)")
	stdout, stderr, err := d.tidegate("render", staging)
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	waves := 0
	for i, document := range strings.Split(string(stdout), "\n---\n") {
		if i > 0 {
			fmt.Println("---")
		}
		waves += strings.Count(document, "argocd.argoproj.io/sync-wave")
		for _, line := range head(document) {
			fmt.Println(line)
		}
	}
	if waves == 0 {
		return errors.New("the rendered objects carry no waves")
	}
	return nil
}

// head keeps what says which object it is and when it is applied.
func head(document string) []string {
	var lines []string
	keep := false
	for line := range strings.Lines(document) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "-") {
			key, _, _ := strings.Cut(line, ":")
			keep = slices.Contains([]string{"apiVersion", "kind", "metadata"}, key)
		}
		if keep {
			lines = append(lines, line)
		}
	}
	return lines
}

func (d demo) refusal() error {
	title("A Secret in plain text is committed by mistake")
	overlay := filepath.Join(d.repo, staging)
	secret := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: payments-api-token\nstringData:\n  token: hunter2\n"
	if err := os.WriteFile(filepath.Join(overlay, "token.yaml"), []byte(secret), 0o600); err != nil {
		return err
	}
	kustomization := filepath.Join(overlay, "kustomization.yaml")
	content, err := os.ReadFile(kustomization)
	if err != nil {
		return err
	}
	content = bytes.Replace(content, []byte("resources:\n"), []byte("resources:\n  - token.yaml\n"), 1)
	if err := os.WriteFile(kustomization, content, 0o600); err != nil {
		return err
	}
	stdout, stderr, err := d.tidegate("render", staging)
	fmt.Printf("%s", stderr)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || len(stdout) > 0 {
		return fmt.Errorf("the Secret was not refused: %v, %d bytes on stdout", err, len(stdout))
	}
	fmt.Println("(exit code 1, nothing on stdout)")
	return nil
}

func (d demo) argoCD(config string) error {
	title("The same through Argo CD's own repo-server code and plugin server, over a unix socket")
	stdout, stderr, err := d.tidegate("render", staging)
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	want, err := cmpserver.Documents(stdout)
	if err != nil {
		return err
	}
	server, err := cmpserver.Start(cmpserver.Options{ConfigDir: config, Path: d.bin})
	if err != nil {
		return err
	}
	for _, sent := range []struct{ what, generatePaths string }{
		{"the whole repository", ""},
		{"only services/payments-api", "/services/payments-api"},
	} {
		got, renderErr := server.Manifests(context.Background(), d.repo, cmpserver.Application{
			Name:          "payments-api-staging",
			Namespace:     "payments-staging",
			Path:          staging,
			GeneratePaths: sent.generatePaths,
		})
		if renderErr == nil && !slices.Equal(want, got) {
			renderErr = errors.New("got other manifests than tidegate render prints")
		}
		if renderErr != nil {
			err = errors.Join(err, fmt.Errorf("sending %s through repo-server: %w", sent.what, renderErr))
			continue
		}
		fmt.Printf("Argo CD's repo-server sends the plugin %s, and gets the same %d objects\n", sent.what, len(got))
	}
	return errors.Join(err, server.Close())
}
