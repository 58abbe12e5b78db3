package cmpserver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
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
func handle(server *cmpserver.Server, s grpc.ServerStream) error {
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

// TestAClientHasUntilItsDeadline: also longer than one without a deadline has.
func TestAClientHasUntilItsDeadline(t *testing.T) {
	for name, sent := range map[string]struct {
		stall    time.Duration
		messages request
		then     func(ctx context.Context) error
	}{
		"it sends without end":    {time.Hour, ask("app", noise)[:1], func(context.Context) error { return nil }},
		"it has not sent a thing": {20 * time.Millisecond, nil, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	} {
		t.Run(name, func(t *testing.T) {
			server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: sent.stall, Time: time.Millisecond})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := handle(server, &scripted{ctx: ctx, messages: sent.messages, then: func() error { return sent.then(ctx) }})
			if status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "had not sent everything when the time for the request was over") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAClientWithoutADeadlineIsNotWaitedFor(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	server := cmpserver.New(cmpserver.Options{Settings: settings, Stall: 20 * time.Millisecond})
	err := handle(server, &scripted{ctx: t.Context(), then: func() error { <-ended; return io.EOF }})
	if err == nil || !strings.Contains(err.Error(), "Argo CD sent nothing for 20ms") {
		t.Errorf("got %v", err)
	}
}

// TestWhoWaitsForMemoryInVainIsToldSo: what has come is in the log, and nobody is told of a render that there was not.
func TestWhoWaitsForMemoryInVainIsToldSo(t *testing.T) {
	content := pack(t, service)
	budget := cmpserver.Divide(0)
	budget.Streams = int64(len(content))
	var log bytes.Buffer
	server := cmpserver.New(cmpserver.Options{Settings: settings, Budget: budget, Log: slog.New(slog.NewTextHandler(&log, nil)), Stall: time.Hour})
	has, ended := make(chan struct{}), make(chan error, 1)
	first, end := context.WithCancel(t.Context())
	go func() {
		ended <- handle(server, &scripted{ctx: first, messages: ask("app", content, repository("first")), then: func() error {
			close(has)
			<-first.Done()
			return first.Err()
		}})
	}()
	<-has
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	second := ask("app", content, repository("second"), "ARGOCD_APP_NAME=settings-eu")
	err := handle(server, &scripted{ctx: ctx, messages: second, then: func() error { return io.EOF }})
	end()
	<-ended
	if err == nil || !strings.Contains(err.Error(), "app: it was not rendered, and waited for memory") {
		t.Errorf("got %v", err)
	}
	if line, _, _ := strings.Cut(log.String(), "\n"); !strings.Contains(line, `reason="no room"`) || !strings.Contains(line, "application=settings-eu path=app") {
		t.Errorf("the log says %s", line)
	}
}

// TestWhoWaitsForMemoryInVainIsToldSoOnASocket: Argo CD's client shows nothing but "EOF" of a request that is answered before
// it has sent everything, which is more than the connection takes by itself.
func TestWhoWaitsForMemoryInVainIsToldSoOnASocket(t *testing.T) {
	budget := cmpserver.Divide(0)
	budget.Streams = int64(len(noise))
	path := socket(t)
	end := runWith(t, cmpserver.Options{Budget: budget}, cmpserver.Endpoints{Socket: path, Drain: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, err := dial(t, path).GenerateManifest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	messages := ask("app", noise, repository("first"))
	for _, message := range messages[:len(messages)-1] { // the most of it is received, so it has the memory
		if err := first.Send(message); err != nil {
			t.Fatal(err)
		}
	}
	within, leave := context.WithTimeout(t.Context(), 3*time.Second)
	defer leave()
	if _, err := generate(within, dial(t, path), ask("app", noise, repository("second"))); err == nil || !strings.Contains(err.Error(), "app: it was not rendered, and waited for memory") {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := end(); err != nil {
		t.Error(err)
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
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	next := &scripted{ctx: ctx, messages: ask("app", content, region), then: func() error { return io.EOF }}
	if err := handle(server, next); err != nil {
		t.Errorf("the next request got %v", err)
	}
}

// TestTheLogHasTheErrorOfEachCall: the stack of a mistake is nowhere else.
func TestTheLogHasTheErrorOfEachCall(t *testing.T) {
	for name, call := range map[string]func(*cmpserver.Server, grpc.ServerStream) error{
		"GenerateManifest": handle,
		"MatchRepository": func(server *cmpserver.Server, s grpc.ServerStream) error {
			return server.MatchRepository(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.RepositoryResponse]{ServerStream: s})
		},
		"GetParametersAnnouncement": func(server *cmpserver.Server, s grpc.ServerStream) error {
			return server.GetParametersAnnouncement(&grpc.GenericServerStream[protocol.AppStreamRequest, protocol.ParametersAnnouncementResponse]{ServerStream: s})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			server := cmpserver.New(cmpserver.Options{Settings: settings, Log: slog.New(slog.NewTextHandler(&log, nil))})
			err := call(server, &scripted{ctx: t.Context(), messages: ask("app", noise)[:1], then: func() error { panic("a mistake") }})
			if status.Code(err) != codes.Internal {
				t.Errorf("got %v", err)
			}
			for _, want := range []string{"a mistake", "reason=panic", "path=app", "receive_test.go"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("%s is not in the log: %s", want, log.String())
				}
			}
		})
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
