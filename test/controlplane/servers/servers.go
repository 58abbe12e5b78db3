// Package servers builds the programs of a control plane from their Go modules, once for each version.
//
// Each has a go.mod of its own in a folder below, so that none moves a version of ours. Nothing is downloaded but Go
// modules, and nothing is installed: the programs lie in the user's cache.
package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Folder overrides where the programs are kept.
const Folder = "TIDEGATE_SERVERS"

// module is what is built from one go.mod.
type module struct {
	name string
	// dir is its folder, where that is not the name.
	dir string
	// programs are by the name that go build gives them.
	programs map[string]string
	ldflags  string
}

// version of Kubernetes that its programs say they are. Argo CD and kubectl cannot parse what they say otherwise.
const version = "v1.35.4"

var all = []module{
	{name: "etcd", programs: map[string]string{"server": "etcd"}},
	{
		name: "kubernetes",
		programs: map[string]string{
			"kube-apiserver": "kube-apiserver", "kube-controller-manager": "kube-controller-manager",
			"kube-scheduler": "kube-scheduler", "kubectl": "kubectl",
		},
		ldflags: "-X k8s.io/component-base/version.gitVersion=" + version +
			" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35",
	},
	{name: "kwok", programs: map[string]string{"kwok": "kwok"}},
	{name: "argocd", programs: map[string]string{"cmd": "argocd"}},
	// What repo-server's own kustomize source calls.
	{name: "kustomize", dir: "../../../.ci/tools/kustomize", programs: map[string]string{"kustomize": "kustomize"}},
}

// Programs are paths of programs by their names: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl,
// kwok, argocd, kustomize.
type Programs map[string]string

// Build builds what is not there yet, and says so to progress. Two that build at the same time wait for each other.
func Build(ctx context.Context, progress io.Writer) (Programs, error) {
	cache, err := folder()
	if err != nil {
		return nil, err
	}
	source, err := sourceFolder()
	if err != nil {
		return nil, err
	}
	out := Programs{}
	for _, m := range all {
		dir, err := m.build(ctx, source, cache, progress)
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", m.name, err)
		}
		for _, name := range m.programs {
			out[name] = filepath.Join(dir, name)
		}
	}
	return out, nil
}

func folder() (string, error) {
	if dir := os.Getenv(Folder); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "tidegate", "servers"), err
}

// sourceFolder is where this file is.
func sourceFolder() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(dir, all[0].name, "go.mod")); err != nil {
		return "", fmt.Errorf("the servers are built from the repository's files: %w (is this built with -trimpath?)", err)
	}
	return dir, nil
}

// source is the module's folder.
func (m module) source(servers string) string {
	if m.dir != "" {
		return filepath.Join(servers, m.dir)
	}
	return filepath.Join(servers, m.name)
}

// key identifies what is built: the versions, how it is built, and by which compiler.
func (m module) key(source string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, m.ldflags, m.programs)
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(m.source(source), file))
		if err != nil {
			return "", err
		}
		_, _ = sum.Write(content) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func (m module) build(ctx context.Context, source, cache string, progress io.Writer) (string, error) {
	key, err := m.key(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, m.name+"-"+key)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	fmt.Fprintf(progress, "building %s, once: this takes minutes\n", strings.Join(m.names(), ", "))
	unfinished := dir + ".unfinished"
	defer func() { _ = os.RemoveAll(unfinished) }() // what is left is replaced by the next build
	if err := m.compile(ctx, m.source(source), unfinished); err != nil {
		return "", err
	}
	return dir, os.Rename(unfinished, dir)
}

func (m module) names() []string {
	var out []string
	for _, name := range m.programs {
		out = append(out, name)
	}
	return out
}

func (m module) compile(ctx context.Context, source, into string) error {
	command := exec.CommandContext(ctx, "go", "-C", source, "build", "-trimpath", "-ldflags", "-s -w "+m.ldflags,
		"-o", into+string(filepath.Separator), "tool")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	for built, name := range m.programs {
		if err := os.Rename(filepath.Join(into, built), filepath.Join(into, name)); err != nil {
			return err
		}
	}
	return nil
}

// lock waits until no other process holds the file. The kernel lets go of it when a process ends, however it ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(100 * time.Millisecond) // a lock that is waited for cannot be interrupted
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-again.C:
		}
	}
}
