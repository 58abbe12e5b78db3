package cmpserver_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// BenchmarkAgain sends an archive that is known already, in messages of one kilobyte as Argo CD does, to the server and to
// one that only receives, by turns. "x" is how many times the other's, of time and of CPU, which is that of the client too.
func BenchmarkAgain(b *testing.B) {
	for _, size := range []int{0, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			noise := make([]byte, size)
			if _, err := rand.NewChaCha8([32]byte{1}).Read(noise); err != nil {
				b.Fatal(err)
			}
			r := ask("app", pack(b, with(service, "app/dashboard.bin", string(noise))), region)
			clients := []protocol.ConfigManagementPluginServiceClient{drained(b), serve(b, cmpserver.Options{})}
			took := make([][]time.Duration, len(clients))
			busy := make([]time.Duration, len(clients))
			for b.Loop() {
				for i, client := range clients {
					before, begin := used(b), time.Now()
					if _, err := generate(b.Context(), client, r); err != nil {
						b.Fatal(err)
					}
					took[i], busy[i] = append(took[i], time.Since(begin)), busy[i]+used(b)-before
				}
			}
			for i := range took {
				slices.Sort(took[i])
			}
			b.ReportMetric(float64(took[1][len(took[1])/2])/float64(took[0][len(took[0])/2]), "x-time")
			b.ReportMetric(float64(busy[1])/float64(busy[0]), "x-CPU")
			b.ReportMetric(float64(busy[0].Microseconds())/float64(len(took[0])), "floor-CPU-µs")
			b.ReportMetric(float64(busy[1].Microseconds())/float64(len(took[0])), "CPU-µs")
		})
	}
}

// used is the CPU time of this process so far.
func used(b *testing.B) time.Duration {
	var all syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &all); err != nil {
		b.Fatal(err)
	}
	return time.Duration(all.Utime.Nano() + all.Stime.Nano())
}

// drain is a server that receives what is sent and answers at once.
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

func drained(b *testing.B) protocol.ConfigManagementPluginServiceClient {
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
