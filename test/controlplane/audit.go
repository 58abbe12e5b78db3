package controlplane

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Write is a request that has changed something, or was to.
type Write struct {
	User, Verb string
	// Resource is resource.group/subresource.
	Resource, Namespace, Name string
	Status                    int
}

// String is the request in one line.
func (w Write) String() string {
	return fmt.Sprintf("%s: %s %s %s/%s: %d", w.User, w.Verb, w.Resource, w.Namespace, w.Name, w.Status)
}

// Audit is who has changed what in a cluster since it began.
type Audit struct {
	path  string
	start int64
}

// Audit begins an audit.
func (c *Cluster) Audit() (*Audit, error) {
	path := c.file("audit.log")
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &Audit{path: path, start: info.Size()}, nil
}

// Writes are the requests that hold, in the order in which they were answered.
func (a *Audit) Writes(holds func(Write) bool) ([]Write, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if info, err := file.Stat(); err != nil || info.Size() < a.start {
		return nil, errors.Join(err, fmt.Errorf("%s is not the file that it was when the audit began", a.path))
	}
	if _, err := file.Seek(a.start, io.SeekStart); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	// The last line may still be in the making.
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	var out []Write
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() {
		write, err := parseWrite(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.path, err)
		}
		if holds(write) {
			out = append(out, write)
		}
	}
	return out, lines.Err()
}

func parseWrite(line []byte) (Write, error) {
	var event struct {
		User           struct{ Username string }
		Verb           string
		ObjectRef      struct{ Resource, Subresource, APIGroup, Namespace, Name string }
		ResponseStatus struct{ Code int }
	}
	err := json.Unmarshal(line, &event)
	ref := event.ObjectRef
	resource := strings.Join(slices.DeleteFunc([]string{ref.Resource, ref.APIGroup}, func(s string) bool { return s == "" }), ".")
	if ref.Subresource != "" {
		resource += "/" + ref.Subresource
	}
	return Write{
		User: event.User.Username, Verb: event.Verb, Resource: resource, Namespace: ref.Namespace, Name: ref.Name, Status: event.ResponseStatus.Code,
	}, err
}
