// Command krusty is a plugin server that renders as kustomize as a library does, and does nothing else: it receives what is sent
// as the floor does, and renders the overlay from files that it has in memory, with Run and AsYaml and the schema that Tidegate
// uses. What it takes above the floor is what a render takes, measured beside whatever the other servers are measured beside. It
// is a program of its own, so that nothing else that is linked or kept weighs on the garbage collector.
//
//	GOGC=400 GOMEMLIMIT=102MiB krusty SOCKET
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/render/schema"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: krusty SOCKET")
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	schema.Suppress()
	schema.Load()
	server := grpc.NewServer(grpc.MaxRecvMsgSize(100<<20), grpc.MaxSendMsgSize(100<<20))
	protocol.RegisterConfigManagementPluginServiceServer(server, new(renderer))
	log.Fatal(server.Serve(listener))
}

// renderer renders the overlays of one repository at a time.
type renderer struct {
	protocol.UnimplementedConfigManagementPluginServiceServer
	mu    sync.Mutex
	root  string
	files filesys.FileSystem
}

// CheckPluginConfiguration answers who asks whether it is there.
func (*renderer) CheckPluginConfiguration(context.Context, *emptypb.Empty) (*protocol.CheckPluginConfigurationResponse, error) {
	return &protocol.CheckPluginConfigurationResponse{}, nil
}

// GenerateManifest renders the overlay whose path on disk is the Application's name. The first one of a repository reads all of it.
func (r *renderer) GenerateManifest(in protocol.ConfigManagementPluginService_GenerateManifestServer) error {
	overlay := ""
	for {
		request, err := in.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		for _, e := range request.GetMetadata().GetEnv() {
			if e.GetName() == "ARGOCD_APP_NAME" {
				overlay = e.GetValue()
			}
		}
	}
	root, path, found := strings.Cut(overlay, "/services/")
	if !found {
		return fmt.Errorf("%q is no overlay of a service", overlay)
	}
	files, err := r.of(root)
	if err != nil {
		return err
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(files, filepath.Join("/services", path))
	if err != nil {
		return err
	}
	manifests, err := resources.AsYaml()
	if err != nil {
		return err
	}
	return in.SendAndClose(&protocol.ManifestResponse{Manifests: []string{string(manifests)}})
}

// of is the files of a repository.
func (r *renderer) of(root string) (filesys.FileSystem, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.root == root {
		return r.files, nil
	}
	files := filesys.MakeFsInMemory()
	if err := load(filepath.Join(root, "services"), files); err != nil {
		return nil, err
	}
	r.root, r.files = root, files
	return files, nil
}

// load reads the YAML files of all services into memory. What no render reads is left out: the more memory is in use, the less
// often the garbage collector runs, which is no merit of kustomize's.
func load(dir string, into filesys.FileSystem) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return into.WriteFile(filepath.Join("/services", name), content)
	})
}
