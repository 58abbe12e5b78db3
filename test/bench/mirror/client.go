package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"

	"github.com/tidegate/tidegate/generator/mirror"
)

const (
	ours    = "mirror"
	goGit   = "go-git"
	program = "git"
)

var clients = []string{ours, goGit, program}

// obey fetches for each line of stdin, and says so with a line, after one when it has started. The first fetch is the clone.
func obey(client, url, dir string) error {
	fetch, err := fetcher(client, url, dir)
	if err != nil {
		return err
	}
	fmt.Println("started")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := fetch(); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		fmt.Println("done")
	}
	return lines.Err()
}

func fetcher(client, url, dir string) (func() error, error) {
	switch client {
	case ours:
		m, err := mirror.Open(mirror.Options{URL: url, AllowHTTP: true, Branch: branch, Dir: dir})
		if err != nil {
			return nil, err
		}
		return func() error { return m.Update(context.Background()) }, nil
	case goGit:
		return func() error { return withGoGit(url, dir) }, nil
	}
	return func() error { return withProgram(url, dir) }, nil
}

func withGoGit(url, dir string) error {
	repository, err := git.PlainOpen(dir)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		_, err = git.PlainClone(dir, true, &git.CloneOptions{URL: url, ReferenceName: "refs/heads/" + branch, SingleBranch: true, Tags: git.NoTags})
		return err
	}
	if err != nil {
		return err
	}
	err = repository.Fetch(&git.FetchOptions{RefSpecs: []config.RefSpec{"+refs/heads/" + branch + ":refs/heads/" + branch}, Tags: git.NoTags})
	if errors.Is(err, git.NoErrAlreadyUpToDate) {
		return nil
	}
	return err
}

func withProgram(url, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return run("git", "clone", "--quiet", "--bare", "--single-branch", "--no-tags", url, dir)
	}
	return run("git", "-C", dir, "fetch", "--quiet", "--no-tags", "origin", "+refs/heads/"+branch+":refs/heads/"+branch)
}

func run(name string, arguments ...string) error {
	command := exec.Command(name, arguments...)
	command.Stderr = os.Stderr
	return command.Run()
}
