package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// repository is a config repository in memory. Each commit changes one service in ten and every file's time.
type repository struct {
	services, commits int
	mutex             sync.Mutex
	whole             []byte // packed last …
	wholeAt           int    // … of this commit; -1 before
}

func newRepository(services, commits int) *repository {
	return &repository{services: services, commits: commits, wholeAt: -1}
}

// request is what one client sends, and what it wants to see.
type request struct {
	messages []*protocol.AppStreamRequest
	want     string
	refused  bool
}

type file struct{ name, content string }

// version is the last commit, up to this one, that changed the service.
func version(service, commit int) int {
	for ; commit > 0 && (service+commit)%10 != 0; commit-- {
	}
	return commit
}

// files are those of a service, in the order of an archive. One service in 25 cannot be rendered.
func (r *repository) files(service, commit int) []file {
	dir, v := fmt.Sprintf("services/s%d/", service), version(service, commit)
	kustomization := fmt.Sprintf("resources: [../base]\nimages: [{name: api, newTag: v%d}]\n", v)
	if service%25 == 24 {
		kustomization = "resources: [gone.yaml]\n"
	}
	return []file{
		{dir + "base/app.yaml", fmt.Sprintf(app, service)},
		{dir + "base/config.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s%d}\ndata: {a: \"%0*d\"}\n", service, 2000, v)},
		{dir + "base/kustomization.yaml", "resources: [app.yaml, config.yaml]\n"},
		{dir + "overlay/kustomization.yaml", kustomization},
		// Nobody reads it, and it takes the place of others: the whole repository fills a part of the store with each commit.
		{dir + "notes.txt", strings.Repeat(fmt.Sprintf("s%d at v%d\n", service, v), notesBytes/12)},
		{dir + "schema/kustomization.yaml", "resources: [../overlay]\nopenapi: {path: schema.json}\n"},
		{dir + "schema/schema.json", fmt.Sprintf(`{"definitions": {}, "x-service": %d}`, service)},
	}
}

// notesBytes is about how much a service has that is no part of any render.
const notesBytes = 160 << 10

const app = `apiVersion: apps/v1
kind: Deployment
metadata: {name: s%[1]d}
spec:
  selector: {matchLabels: {app: s%[1]d}}
  template:
    metadata: {labels: {app: s%[1]d}}
    spec: {containers: [{name: api, image: "api:v0"}]}
`

// request packs what is sent for a service.
func (r *repository) request(commit, service int, schema, whole bool) (request, error) {
	dir := fmt.Sprintf("services/s%d/overlay", service)
	if schema {
		dir = path.Join(path.Dir(dir), "schema")
	}
	content, err := []byte(nil), error(nil)
	if whole {
		content, err = r.all(commit)
	} else {
		content, err = pack(r.files(service, commit), commit)
	}
	if err != nil {
		return request{}, err
	}
	messages := messages(content, dir, fmt.Sprintf("s%d", service), "")
	want := fmt.Sprintf(`"image":"api:v%d"`, version(service, commit))
	return request{messages: messages, want: want, refused: service%25 == 24}, nil
}

// messages are what Argo CD sends for an Application in a folder of an archive.
func messages(archive []byte, dir, app, repository string) []*protocol.AppStreamRequest {
	sum := sha256.Sum256(archive)
	out := []*protocol.AppStreamRequest{{Request: &protocol.AppStreamRequest_Metadata{Metadata: &protocol.ManifestRequestMetadata{
		AppName: dir, AppRelPath: dir, Checksum: hex.EncodeToString(sum[:]), Size: int64(len(archive)),
		Env: []*protocol.EnvEntry{
			{Name: "ARGOCD_APP_NAME", Value: app}, {Name: "ARGOCD_APP_NAMESPACE", Value: "staging"}, {Name: "ARGOCD_APP_SOURCE_REPO_URL", Value: repository},
		},
	}}}}
	for chunk := range slices.Chunk(archive, 1024) { // as Argo CD's client does
		out = append(out, &protocol.AppStreamRequest{Request: &protocol.AppStreamRequest_File{File: &protocol.File{Chunk: chunk}}})
	}
	return out
}

// all packs the whole repository, once for each commit.
func (r *repository) all(commit int) ([]byte, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.wholeAt == commit {
		return r.whole, nil
	}
	var files []file
	for service := range r.services {
		files = append(files, r.files(service, commit)...)
	}
	content, err := pack(files, commit)
	if err == nil {
		r.whole, r.wholeAt = content, commit
	}
	return content, err
}

func pack(files []file, commit int) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)), Mode: 0o644, ModTime: time.Unix(int64(commit), 0)}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(f.content)); err != nil {
			return nil, err
		}
	}
	err := errors.Join(archive.Close(), zip.Close())
	return out.Bytes(), err
}
