package cmpserver_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/render/schema"
	"github.com/tidegate/tidegate/test/bench/overlay"
)

// BenchmarkAgain sends what has been rendered, in messages of one kilobyte as Argo CD does, to the server and to one that only
// receives, by turns: how many times as much time and CPU does the server take? CPU is that of the client too.
func BenchmarkAgain(b *testing.B) {
	for _, size := range []int{0, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			r := ask("app", pack(b, with(service, "app/dashboard.bin", dense(size))), region)
			idle, ours := drained(b), serve(b, cmpserver.Options{})
			var floor, taken cost
			for b.Loop() {
				floor.add(b, func() error { _, err := generate(b.Context(), idle, r); return err })
				taken.add(b, func() error { _, err := generate(b.Context(), ours, r); return err })
			}
			b.ReportMetric(float64(taken.median())/float64(floor.median()), "x-time")
			b.ReportMetric(float64(taken.cpu)/float64(floor.cpu), "x-CPU")
		})
	}
}

// BenchmarkCold sends a service that has not been rendered, and has kustomize as a library render the same from memory, by
// turns, each the first as often as the other: how many times kustomize's CPU is that of the server, without that of one
// that only receives? GOGC=400 is the server's.
func BenchmarkCold(b *testing.B) {
	for _, size := range []int{0, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			files := with(written(b, overlay.All[0]), "base/dashboard.bin", dense(size))
			idle, ours := drained(b), serve(b, cmpserver.Options{})
			schema.Load()
			var floor, taken, library cost
			for n := 0; b.Loop(); n++ {
				r := ask("overlay", pack(b, files), fmt.Sprintf("ARGOCD_APP_SOURCE_REPO_URL=https://github.com/myorg/%d", n))
				turns := []func(){
					func() {
						floor.add(b, func() error { _, err := generate(b.Context(), idle, r); return err })
						taken.add(b, func() error { _, err := generate(b.Context(), ours, r); return err })
					},
					func() { library.add(b, func() error { return kustomize(files) }) },
				}
				turns[n%2]()
				turns[1-n%2]()
			}
			b.ReportMetric(float64(taken.cpu-floor.cpu)/float64(library.cpu), "x-CPU")
		})
	}
}

// dense does not compress.
func dense(size int) string {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	return string(content)
}

// written is an overlay by path.
func written(b *testing.B, o overlay.Overlay) map[string]string {
	b.Helper()
	dir, err := o.Write(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	root, files := os.DirFS(filepath.Dir(dir)), map[string]string{}
	if err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[name] = string(content)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return files
}

// kustomize renders as Tidegate has it render.
func kustomize(files map[string]string) error {
	memory := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := memory.WriteFile("/"+name, []byte(content)); err != nil {
			return err
		}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(memory, "/overlay")
	if err != nil {
		return err
	}
	_, err = resources.AsYaml()
	return err
}

// cost is what turns have taken.
type cost struct {
	times []time.Duration
	cpu   time.Duration
}

func (c *cost) add(b *testing.B, do func() error) {
	cpu, begin := used(b), time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	c.times = append(c.times, time.Since(begin))
	c.cpu += used(b) - cpu
}

func (c *cost) median() time.Duration {
	slices.Sort(c.times)
	return c.times[len(c.times)/2]
}

// used is the CPU time of this process so far.
func used(b *testing.B) time.Duration {
	var all syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &all); err != nil {
		b.Fatal(err)
	}
	return time.Duration(all.Utime.Nano() + all.Stime.Nano())
}

// drain receives what is sent and answers at once.
type drain struct {
	protocol.UnimplementedConfigManagementPluginServiceServer
}

func (drain) GenerateManifest(in protocol.ConfigManagementPluginService_GenerateManifestServer) error {
	for {
		switch _, err := in.Recv(); {
		case errors.Is(err, io.EOF):
			return in.SendAndClose(&protocol.ManifestResponse{Manifests: []string{"{}"}})
		case err != nil:
			return err
		}
	}
}

// drained is a client of a server that only receives.
func drained(b *testing.B) protocol.ConfigManagementPluginServiceClient {
	b.Helper()
	listener, err := net.Listen("unix", socket(b))
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	protocol.RegisterConfigManagementPluginServiceServer(server, drain{})
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(server.Stop)
	return dial(b, listener.Addr().String())
}
