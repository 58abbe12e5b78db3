package cmpserver_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tidegate/tidegate/plugin/cmpserver"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
)

// scripted is a stream that gives the messages of a request, and then what a function says.
type scripted struct {
	grpc.ServerStream
	ctx      context.Context
	messages request
	then     func() error
}

func (s *scripted) Context() context.Context { return s.ctx }
func (s *scripted) SendMsg(any) error        { return nil }
func (s *scripted) RecvMsg(message any) error {
	if len(s.messages) == 0 {
		return s.then()
	}
	into := message.(proto.Message)
	proto.Reset(into)
	proto.Merge(into, s.messages[0])
	s.messages = s.messages[1:]
	return nil
}

// handle has a server answer the stream as gRPC would: the stream's context ends with the answer.
func handle(server *cmpserver.Server, s *scripted) error {
	return server.GenerateManifest(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ManifestResponse]{ServerStream: s})
}

func TestReceivingEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: time.Hour, Time: time.Millisecond})
	err := handle(server, &scripted{ctx: ctx, then: func() error { <-ctx.Done(); return ctx.Err() }})
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

func TestAClientThatNeverComesToAnEndIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: 100 * time.Millisecond, Time: 300 * time.Millisecond})
	err := handle(server, &scripted{ctx: ctx, messages: ask("app", noise)[:1], then: ctx.Err})
	if err == nil || !strings.Contains(err.Error(), "Argo CD had not sent everything after 300ms") {
		t.Errorf("got %v", err)
	}
}

func TestWhatComesTooLateKeepsNoMemory(t *testing.T) {
	content := pack(t, service)
	budget := cmpserver.Divide(0)
	budget.Streams = int64(len(content))
	server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: 20 * time.Millisecond, Budget: budget})
	answered := make(chan struct{})
	late := &scripted{ctx: t.Context(), messages: ask("app", content, region), then: func() error { <-answered; return io.EOF }}
	if err := handle(server, late); err == nil || !strings.Contains(err.Error(), "sent nothing for") {
		t.Fatalf("got %v", err)
	}
	close(answered)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	next := &scripted{ctx: ctx, messages: ask("app", content, region), then: func() error { return io.EOF }}
	if err := handle(server, next); err != nil {
		t.Errorf("the next request got %v", err)
	}
}

func TestAMistakeWhileReceivingEndsOneRequestOnly(t *testing.T) {
	content := pack(t, service)
	budget := cmpserver.Divide(0)
	budget.Streams = int64(len(content))
	server := cmpserver.New(cmpserver.Options{Settings: settings, Budget: budget})
	for _, sent := range []int{0, 1, 2} {
		err := handle(server, &scripted{ctx: t.Context(), messages: ask("app", content, region)[:sent], then: func() error { panic("a mistake") }})
		if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "a mistake") {
			t.Errorf("after %d messages: %v", sent, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for the memory, were it still set aside
	defer cancel()
	if err := handle(server, &scripted{ctx: ctx, messages: ask("app", content, region), then: func() error { return io.EOF }}); err != nil {
		t.Errorf("the next request got %v", err)
	}
}
