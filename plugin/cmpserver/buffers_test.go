package cmpserver_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// TestNobodyGetsWhatAnotherSent: archives are received into the memory of others, also of requests that were refused or given up.
// They hold many files, so that an archive whose memory is given away too early is still being unpacked when others come.
func TestNobodyGetsWhatAnotherSent(t *testing.T) {
	t.Parallel()
	client := serve(t, cmpserver.Options{})
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			files := maps.Clone(service)
			for i := range 1000 + 100*n {
				files[fmt.Sprintf("app/%x", sha256.Sum256(fmt.Append(nil, n, i)))] = ""
			}
			for turn := range 4 {
				name := fmt.Sprintf("settings-%d-%d", n, turn)
				files["app/settings.yaml"] = strings.ReplaceAll(service["app/settings.yaml"], "settings", name)
				r := ask("app", pack(t, files), region, repository(fmt.Sprint(n)))
				spoil(t, client, r, turn)
				got, err := generate(t.Context(), client, r)
				if err != nil || len(got) != 1 || !strings.Contains(got[0], `"name":"`+name+`"`) {
					t.Errorf("%s: got %s, %v", name, got, err)
				}
			}
		})
	}
	clients.Wait()
}

// spoil sends a request that fails: its checksum is another's, or the client leaves in the middle.
func spoil(t *testing.T, client protocol.ConfigManagementPluginServiceClient, r request, turn int) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	if turn%2 == 0 {
		stream, err := client.GenerateManifest(ctx)
		for _, message := range r[:len(r)/2] {
			if err == nil {
				err = stream.Send(message)
			}
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	wrong := append(request{metadata(describe("app", []byte("another archive")))}, r[1:]...)
	wrong[0].GetMetadata().Size = r[0].GetMetadata().GetSize()
	if got, err := generate(ctx, client, wrong); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %s, %v", got, err)
	}
}
