package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/v2/applicationset/services/plugin"
)

// generator runs the server as a process, and asks it as Argo CD does.
func (d demo) generator() error {
	title("The generator answers Argo CD's own client")
	secrets, err := os.MkdirTemp("", "tidegate-demo-token")
	if err != nil {
		return err
	}
	defer os.RemoveAll(secrets)
	token := filepath.Join(secrets, "token")
	if err := os.WriteFile(token, []byte("open-sesame\n"), 0o600); err != nil {
		return err
	}
	fmt.Println("$ tidegate generator --clusters-file clusters.yaml --token-file token")
	cmd := exec.Command(filepath.Join(d.bin, "tidegate"), "generator", "--clusters-file", "clusters.yaml", "--token-file", token,
		"--listen", "127.0.0.1:0", "--drain", "0s")
	cmd.Dir = d.repo
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(log)
	asked := d.ask(lines)
	stopped := cmd.Process.Signal(os.Interrupt)
	_, drained := io.Copy(io.Discard, lines)
	return errors.Join(asked, stopped, drained, cmd.Wait())
}

func (d demo) ask(log *bufio.Reader) error {
	address, err := listening(log)
	if err != nil {
		return err
	}
	client, err := plugin.NewPluginService(context.Background(), "tidegate-services", "http://"+address, "open-sesame", 0)
	if err != nil {
		return err
	}
	response, err := client.List(context.Background(), nil)
	if err != nil {
		return err
	}
	for _, parameters := range response.Output.Parameters {
		set, ok := parameters["tidegate"].(map[string]any)
		if !ok {
			return fmt.Errorf("a parameter set without tidegate: %v", parameters)
		}
		if set["name"] != "payments-api-production" {
			continue
		}
		text, err := json.MarshalIndent(set, "", "  ")
		if err != nil {
			return err
		}
		fmt.Printf("Argo CD got %d parameter sets. That of payments-api-production:\n%s\n", len(response.Output.Parameters), text)
		return nil
	}
	return errors.New("no parameter set for payments-api-production")
}

// listening waits for the line that says where the server listens.
func listening(log *bufio.Reader) (string, error) {
	for {
		line, err := log.ReadBytes('\n')
		if err != nil {
			return "", fmt.Errorf("the generator did not start: %s", line)
		}
		var said struct{ Msg, Address string }
		if err := json.Unmarshal(line, &said); err != nil {
			return "", fmt.Errorf("the generator did not start: %s", line)
		}
		if said.Msg == "listening" {
			return said.Address, nil
		}
	}
}

func (d demo) applications() error {
	title("The Applications that Argo CD's own ApplicationSet code makes of it")
	stdout, stderr, err := d.tidegate("preview", "--clusters-file", "clusters.yaml")
	fmt.Printf("%s%s", stdout, stderr)
	if err != nil {
		return err
	}
	title("The two Applications of payments-api, in full")
	stdout, stderr, err = d.tidegate("preview", "--clusters-file", "clusters.yaml", "--service", "payments-api",
		"--environment", "staging", "--environment", "production", "-o", "yaml")
	fmt.Printf("%s%s", stdout, stderr)
	return err
}

const (
	imageTag = staging + "/image-tag.yaml"
	oldTag   = "sha-a1b2c3d"
	newTag   = "sha-0ddba11"
)

// promotion changes the line that CI changes, and shows what follows from it: manifests, and no Application.
func (d demo) promotion() error {
	title("CI changes one line: the image's tag in staging")
	file := filepath.Join(d.repo, imageTag)
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if bytes.Count(content, []byte(oldTag)) != 1 {
		return fmt.Errorf("%s does not hold the tag %s once", imageTag, oldTag)
	}
	before, applicationsBefore, err := d.state()
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, bytes.Replace(content, []byte(oldTag), []byte(newTag), 1), 0o600); err != nil {
		return err
	}
	fmt.Printf("$ sed -i s/%s/%s/ %s\n", oldTag, newTag, imageTag)
	after, applicationsAfter, err := d.state()
	if err != nil {
		return err
	}
	if applicationsBefore != applicationsAfter {
		return errors.New("a changed tag has changed Applications")
	}
	fmt.Println("\nThe Applications stay as they are, byte for byte. In the manifests of staging:")
	return changed(before, after)
}

// state is what is rendered for staging, and all Applications.
func (d demo) state() (manifests, applications string, err error) {
	stdout, stderr, err := d.tidegate("render", staging)
	if err != nil {
		return "", "", fmt.Errorf("%w: %s", err, stderr)
	}
	all, stderr, err := d.tidegate("preview", "--clusters-file", "clusters.yaml", "-o", "yaml")
	if err != nil {
		return "", "", fmt.Errorf("%w: %s", err, stderr)
	}
	return string(stdout), string(all), nil
}

// changed prints the lines that differ, and the object that each is in.
func changed(before, after string) error {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	if len(old) != len(now) {
		return fmt.Errorf("%d lines have become %d", len(old), len(now))
	}
	kind, shown := "", ""
	for i := range now {
		if name, found := strings.CutPrefix(now[i], "kind: "); found {
			kind = name
		}
		if old[i] == now[i] {
			continue
		}
		if kind != shown {
			fmt.Println(kind)
			shown = kind
		}
		fmt.Printf("  - %s\n  + %s\n", strings.TrimSpace(old[i]), strings.TrimSpace(now[i]))
	}
	if shown == "" {
		return errors.New("the tag has changed nothing")
	}
	return nil
}
