package controlplane

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Repository is a Git repository that Argo CD and the generator read, and a clone of it to commit in.
type Repository struct {
	// URL is what an Application's repoURL is.
	URL string
	// Bare is the folder of the repository itself, Work that of the clone.
	Bare, Work string
}

// newRepository makes an empty repository below a folder.
func newRepository(dir, name string) (*Repository, error) {
	r := &Repository{Bare: filepath.Join(dir, name+".git"), Work: filepath.Join(dir, name)}
	r.URL = "file://" + r.Bare
	if err := os.MkdirAll(r.Work, 0o755); err != nil {
		return nil, err
	}
	for _, command := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=main", r.Bare},
		{"init", "--quiet", "--initial-branch=main"},
		{"remote", "add", "origin", r.URL},
		{"config", "user.name", "A developer"},
		{"config", "user.email", "developer@example.com"},
		{"config", "commit.gpgsign", "false"},
	} {
		if _, err := r.Git(command...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Git runs git in the clone.
func (r *Repository) Git(args ...string) (string, error) {
	command := exec.Command("git", args...)
	command.Dir = r.Work
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return strings.TrimSpace(string(output)), nil
}

// Copy puts a folder's files into the clone.
func (r *Repository) Copy(from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return r.Write(relative, string(content))
	})
}

// Write writes a file of the clone.
func (r *Repository) Write(path, content string) error {
	path = filepath.Join(r.Work, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// Read reads a file of the clone.
func (r *Repository) Read(path string) (string, error) {
	content, err := os.ReadFile(filepath.Join(r.Work, path))
	return string(content), err
}

// Remove removes a file or a folder of the clone.
func (r *Repository) Remove(path string) error { return os.RemoveAll(filepath.Join(r.Work, path)) }

// Replace replaces a text in every file of the clone that has it; it is an error that none has.
func (r *Repository) Replace(old, new string) error {
	found := false
	err := filepath.WalkDir(r.Work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(content, []byte(old)) {
			return err
		}
		found = true
		return os.WriteFile(path, bytes.ReplaceAll(content, []byte(old), []byte(new)), 0o644)
	})
	if err == nil && !found {
		return fmt.Errorf("no file of the repository has %q", old)
	}
	return err
}

// Push commits what has changed, pushes it, and returns the commit.
func (r *Repository) Push(message string) (string, error) {
	for _, command := range [][]string{
		{"add", "--all"},
		{"commit", "--quiet", "--allow-empty", "--message", message},
		{"push", "--quiet", "origin", "HEAD:main"},
	} {
		if _, err := r.Git(command...); err != nil {
			return "", err
		}
	}
	return r.Git("rev-parse", "HEAD")
}
