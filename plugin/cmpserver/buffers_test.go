package cmpserver_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// manyFiles is an archive that takes a while to be unpacked, and is of a size for which the memory of others is used.
func manyFiles(t *testing.T, name string, count int) []byte {
	t.Helper()
	files := maps.Clone(service)
	for i := range count {
		files[fmt.Sprintf("app/%x", sha256.Sum256(fmt.Append(nil, name, i)))] = ""
	}
	files["app/settings.yaml"] = strings.ReplaceAll(service["app/settings.yaml"], "settings", name)
	content := pack(t, files)
	if len(content) <= 32<<10 || len(content) > 64<<10 {
		t.Fatalf("the archive has %d bytes", len(content))
	}
	return content
}

// TestNobodyGetsWhatAnotherSent: archives are received into the memory of others, whose requests succeeded, were refused or given up.
func TestNobodyGetsWhatAnotherSent(t *testing.T) {
	t.Parallel()
	client := serve(t, cmpserver.Options{})
	var clients sync.WaitGroup
	for n := range 4 {
		requests := map[string]request{}
		for turn := range 4 {
			name := fmt.Sprintf("settings-%d-%d", n, turn)
			requests[name] = ask("app", manyFiles(t, name, 1000+100*n), region, repository(fmt.Sprint(n)))
		}
		clients.Go(func() {
			for name, r := range requests {
				if err := errors.Join(refused(t.Context(), client, r), givenUp(t.Context(), client, r)); err != nil {
					t.Error(err)
				}
				got, err := generate(t.Context(), client, r)
				if err != nil || len(got) != 1 || !strings.Contains(got[0], `"name":"`+name+`"`) {
					t.Errorf("%s: got %s, %v", name, got, err)
				}
			}
		})
	}
	clients.Wait()
}

// refused sends an archive that is not what it says.
func refused(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, r request) error {
	wrong := append(request{metadata(describe("app", []byte("another archive")))}, r[1:]...)
	wrong[0].GetMetadata().Size = r[0].GetMetadata().GetSize()
	if got, err := generate(ctx, client, wrong); err == nil || !strings.Contains(err.Error(), "checksum") {
		return fmt.Errorf("got %s, %w", got, err)
	}
	return nil
}

// givenUp sends half of a request.
func givenUp(ctx context.Context, client protocol.ConfigManagementPluginServiceClient, r request) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	stream, err := client.GenerateManifest(ctx)
	for _, message := range r[:len(r)/2] {
		if err == nil {
			err = stream.Send(message)
		}
	}
	return err
}

// paused is a stream that ends its messages only when another has got so far.
type paused struct {
	scripted
	half  chan struct{} // is closed when half has been received
	until chan struct{}
	rest  request
}

func (p *paused) RecvMsg(message any) error {
	if len(p.messages) == 0 && p.rest != nil {
		close(p.half)
		<-p.until
		p.messages, p.rest = p.rest, nil
	}
	return p.scripted.RecvMsg(message)
}

// pausing waits between first and rest, and has end called behind them.
func pausing(ctx context.Context, first, rest request, until chan struct{}, end func()) *paused {
	p := &paused{half: make(chan struct{}), until: until, rest: rest}
	p.scripted = scripted{ctx: ctx, messages: first, then: func() error { end(); return io.EOF }}
	return p
}

// TestWhatComesAfterARequestWasGivenUpGoesNowhere: who was given up still sends, and another receives meanwhile.
func TestWhatComesAfterARequestWasGivenUpGoesNowhere(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what is given back is used next, most times
	server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: time.Hour})
	for turn := range 10 {
		content := manyFiles(t, fmt.Sprint("settings-", turn), 1000)
		r := ask("app", content, region)
		first, rest := r[:len(r)/2], r[len(r)/2:]
		gone, leave := context.WithCancel(t.Context())
		sent, ended := make(chan struct{}), make(chan error, 1)
		late := pausing(gone, first, rest, make(chan struct{}), func() { close(sent) })
		go func() { ended <- handle(server, late) }()
		<-late.half
		leave()
		<-ended
		other := pausing(t.Context(), first, rest, sent, func() {})
		go func() {
			<-other.half
			close(late.until)
		}()
		if err := handle(server, other); err != nil {
			t.Error(err)
		}
	}
}

// TestAnArchiveKeepsItsMemoryUntilItIsUnpacked: another is received in between.
func TestAnArchiveKeepsItsMemoryUntilItIsUnpacked(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what is given back is used next, most times
	server := cmpserver.New(cmpserver.Options{Settings: settings})
	end := func() error { return io.EOF }
	other := ask("app", manyFiles(t, "other", 1000), region)
	other[0].GetMetadata().Checksum = "another" // and so it is not unpacked
	server.BeforeUnpacking(func() {
		if err := handle(server, &scripted{ctx: t.Context(), messages: other, then: end}); err == nil {
			t.Error("an archive was taken for another")
		}
	})
	for turn := range 10 {
		r := ask("app", manyFiles(t, fmt.Sprint("settings-", turn), 1000), region)
		if err := handle(server, &scripted{ctx: t.Context(), messages: r, then: end}); err != nil {
			t.Error(err)
		}
	}
}
