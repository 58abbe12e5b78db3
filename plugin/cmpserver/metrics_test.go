package cmpserver

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// packing is the stream of a client that packs for a while before it sends its one message.
type packing struct {
	grpc.ServerStream
	ctx  context.Context
	time time.Duration
	sent bool
}

func (p *packing) Context() context.Context { return p.ctx }
func (p *packing) SendMsg(any) error        { return nil }
func (p *packing) RecvMsg(message any) error {
	if p.sent {
		return io.EOF
	}
	p.sent = true
	time.Sleep(p.time) // the bubble's clock
	message.(*protocol.Incoming).Request = &protocol.AppStreamRequest_Metadata{
		Metadata: &protocol.ManifestRequestMetadata{AppRelPath: "app", Checksum: fmt.Sprintf("%x", sha256.Sum256(nil))},
	}
	return nil
}

// known is a generator that knows the answer.
type known struct{ took time.Duration }

func (k known) Generate(context.Context, generate.Request) (generate.Result, error) {
	time.Sleep(k.took) // the bubble's clock
	return generate.Result{Manifests: &generate.Manifests{}, From: generate.FromCache}, nil
}

// TestTheTimeThatArgoCDPacksForIsNotTheServers: it opens the stream before it packs.
func TestTheTimeThatArgoCDPacksForIsNotTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := New(Options{Settings: func([]string) (plugin.Settings, []string, error) { return plugin.Defaults(), nil, nil }})
		server.generator = known{took: time.Second}
		server.trees.read = emptyTree
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		stream := &packing{ctx: ctx, time: time.Minute}
		if err := server.GenerateManifest(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ManifestResponse]{ServerStream: stream}); err != nil {
			t.Fatal(err)
		}
		families, err := server.metrics.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() != "tidegate_plugin_request_seconds" {
				continue
			}
			if sum := family.GetMetric()[0].GetHistogram().GetSampleSum(); sum != 1 {
				t.Errorf("%v s are counted for a render that took one, after a minute of packing", sum)
			}
			return
		}
		t.Error("no time is counted")
	})
}

// emptyTree is what an archive of nothing is unpacked to.
func emptyTree(context.Context, io.Reader, archive.Limits) (*archive.Tree, error) {
	return &archive.Tree{}, nil
}
