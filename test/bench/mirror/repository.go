package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
)

const branch = "main"

// perService is how many files a service has.
const perService = 20

// repository is the remote one. Its content follows from its size.
type repository struct {
	dir      string
	services int
	commits  int
}

func newRepository(dir string, files, commits int) (*repository, error) {
	if err := run("git", "init", "--quiet", "--bare", "--initial-branch", branch, dir); err != nil {
		return nil, err
	}
	if err := run("git", "-C", dir, "config", "http.uploadpack", "true"); err != nil {
		return nil, err
	}
	r := &repository{dir: dir, services: max(1, files/perService)}
	if err := r.push(commits); err != nil {
		return nil, err
	}
	return r, run("git", "-C", dir, "gc", "--quiet")
}

// push adds commits: the first has all files, each other a new image in two environments of one service.
func (r *repository) push(commits int) error {
	if commits == 0 {
		return nil
	}
	command := exec.Command("git", "-C", r.dir, "fast-import", "--quiet")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	out := bufio.NewWriter(in)
	for i := range commits {
		r.commit(out, i == 0)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	return command.Wait()
}

// commit adds one. The first of a run says where it goes on from.
func (r *repository) commit(out io.Writer, first bool) {
	message := fmt.Sprintf("commit %d", r.commits)
	fmt.Fprintf(out, "commit refs/heads/%s\ncommitter CI <ci@example.com> %d +0000\ndata %d\n%s\n", branch, 1_700_000_000+r.commits*60, len(message), message)
	if r.commits > 0 && first {
		fmt.Fprintf(out, "from refs/heads/%s^0\n", branch)
	}
	if r.commits > 0 {
		service := r.commits * 7919 % r.services
		r.image(out, service, "staging")
		r.image(out, service, "production")
	} else {
		file(out, "tidegate.yaml", "apiVersion: tidegate.dev/v1alpha1\nkind: Platform\n")
		for service := range r.services {
			r.service(out, service)
		}
	}
	fmt.Fprintln(out)
	r.commits++
}

func (r *repository) service(out io.Writer, service int) {
	for i := range perService - 2 {
		content := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: service-%d-%d}\ndata:\n", service, i)
		for line := range 12 {
			content += fmt.Sprintf("  key-%d: value-%x\n", line, (service*perService+i)*7919+line*104729)
		}
		file(out, fmt.Sprintf("services/service-%d/base/file-%d.yaml", service, i), content)
	}
	r.image(out, service, "staging")
	r.image(out, service, "production")
}

func (r *repository) image(out io.Writer, service int, environment string) {
	file(out, fmt.Sprintf("services/service-%d/overlays/%s/image-tag.yaml", service, environment),
		fmt.Sprintf("kind: Kustomization\nimages: [{name: service, newTag: %d}]\n", r.commits))
}

func file(out io.Writer, name, content string) {
	fmt.Fprintf(out, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
}

// serve shows the repositories of a folder with git's own server.
func serve(dir string) (url string, stop func(), err error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	}}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// megabytes is what the files of a folder hold.
func megabytes(dir string) float64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, at fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := at.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return float64(total) / (1 << 20)
}
