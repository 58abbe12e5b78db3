package cmpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/tidegate/tidegate/plugin"
	"github.com/tidegate/tidegate/plugin/cmpserver/archive"
	"github.com/tidegate/tidegate/plugin/cmpserver/generate"
	"github.com/tidegate/tidegate/plugin/cmpserver/protocol"
	"github.com/tidegate/tidegate/plugin/render"
)

// maxGrace is how much sooner than Argo CD we give up at most.
const maxGrace = time.Second

// grace is how much sooner we give up if Argo CD waits for so long in all, so that it still gets the answer, which says why, and not
// only that time is up. It is at least that of Argo CD's own server (argo-cd cmpserver/plugin, cmpTimeoutBuffer), and more of a
// longer wait: a machine that is busy needs longer for an answer, too.
func grace(wait time.Duration) time.Duration {
	return min(maxGrace, max(100*time.Millisecond, wait/20))
}

// begin counts a request and gives it a context that ends with a grace before the client's deadline.
func (s *Server) begin(ctx context.Context) (_ context.Context, end func()) {
	s.metrics.requests.Inc()
	deadline := time.Now().Add(s.options.Time)
	if d, ok := ctx.Deadline(); ok {
		deadline = d.Add(-grace(time.Until(d)))
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	return ctx, func() {
		cancel()
		s.metrics.requests.Dec()
	}
}

// GenerateManifest answers with the manifests of an Application.
func (s *Server) GenerateManifest(in protocol.ConfigManagementPluginService_GenerateManifestServer) error {
	start := time.Now()
	ctx, end := s.begin(in.Context())
	defer end()
	request, err := s.receive(ctx, in, true)
	var result generate.Result
	if err == nil {
		defer func() { request.free() }()
		result, err = s.manifests(ctx, request)
	}
	err = inVain(err, request, notRendered)
	var written func()
	if err == nil {
		request.free()
		written, err = s.roomToSend(ctx, request, result.Documents)
	}
	if err != nil {
		return s.refuse(request, err, time.Since(start))
	}
	s.report(request, result, time.Since(start))
	return send(in, &protocol.ManifestResponse{Manifests: result.Documents}, written)
}

// manifests makes the manifests of what has been received.
func (s *Server) manifests(ctx context.Context, request *received) (result generate.Result, err error) {
	if err := checkLengths(request.GetEnv()); err != nil {
		return result, err
	}
	environment, variables := s.environment(request.GetEnv(), dropsEmpty(ctx))
	settings, warnings, err := s.options.Settings(environment)
	if err != nil {
		return result, err
	}
	for _, warning := range warnings {
		s.options.Log.Warn(warning, "application", variables["ARGOCD_APP_NAME"])
	}
	tree, unpack, err := s.outline(ctx, request)
	if err != nil {
		return result, err
	}
	dir, err := folder(request.AppRelPath)
	if err != nil {
		return result, err
	}
	dir = render.Resolve(tree, dir)
	by := request.asker()
	place := plugin.Place(dir, variables["ARGOCD_APP_SOURCE_PATH"])
	return s.generator.Generate(ctx, generate.Request{
		Tree: tree, Unpack: unpack, Hold: request.hold, Place: place, Dir: path.Join(place, dir), App: variables["ARGOCD_APP_NAME"], Settings: settings,
		Tenant: by.tenant, Asker: by.app,
	})
}

// outline returns the tree of a request, or its outline, if that is what is left of it, and what unpacks all of it.
func (s *Server) outline(ctx context.Context, request *received) (*archive.Tree, generate.Unpack, error) {
	if request.tree == nil {
		if outline := s.trees.outlined(request.Checksum); outline != nil && !outline.Whole() {
			s.trees.from.outline.Add(1)
			return outline, func(ctx context.Context) (*archive.Tree, error) { return s.tree(ctx, request) }, nil
		}
	}
	tree, err := s.tree(ctx, request)
	return tree, nil, err
}

// tree returns the tree of a request; in the place of its archive, if that has to be unpacked.
func (s *Server) tree(ctx context.Context, request *received) (*archive.Tree, error) {
	if request.tree == nil {
		tree, release, err := s.trees.unpack(ctx, request.Checksum, request.archive, request.asker())
		if err != nil {
			return nil, err
		}
		request.free()
		request.tree, request.archive, request.free = tree, nil, release
	}
	return request.tree, nil
}

// folder checks the Application's folder in what was sent.
func folder(name string) (string, error) {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", &refusal{reason: "path", text: "the Application's path " + name + " leads out of what Argo CD sent"}
	}
	return clean, nil
}

// dropsEmpty tells whether Argo CD's own server, if it is of the client's version, leaves out variables without a value: that
// of 2.14 does, and that of 3.0 and later does not (argo-cd cmpserver/plugin, environ). Nothing in the protocol tells the
// version, but the client's gRPC names its own: no 2.x has a later one than 1.68, and no 3.x an earlier one than 1.71.
func dropsEmpty(ctx context.Context) bool {
	for _, agent := range metadata.ValueFromIncomingContext(ctx, "user-agent") {
		_, version, _ := strings.Cut(agent, "grpc-go/1.")
		minor, _, _ := strings.Cut(version, ".")
		if n, err := strconv.Atoi(minor); err == nil && n < 71 {
			return true
		}
	}
	return false
}

// maxVariable is how long a variable may be that a process of Linux is given, with its name and what ends it
// (MAX_ARG_STRLEN). Argo CD's own server fails to start a command with a longer one.
const maxVariable = 128 << 10

// checkLengths refuses what is too long: parameters are read before a render takes its turn.
func checkLengths(entries []*protocol.EnvEntry) error {
	for _, e := range entries {
		if ofTheCluster(e.GetName()) {
			continue
		}
		if n := len(e.GetName()) + len("=") + len(e.GetValue()) + 1; n > maxVariable {
			return fmt.Errorf("%.100s has %d bytes with its name, more than the %d that a variable may have; put what is long into a file "+
				"of the repository", e.GetName(), n, maxVariable)
		}
	}
	return nil
}

// ofTheCluster are variables that Argo CD sends with every request and nothing here reads. The versions of a cluster of some
// thousand kinds are longer than a variable may be.
func ofTheCluster(name string) bool { return name == "KUBE_VERSION" || name == "KUBE_API_VERSIONS" }

// environment puts a request's variables over the sidecar's own, as a command of Argo CD's own server would see them: the
// last of each name, and those that are empty as well unless it drops them; without those of the cluster.
func (s *Server) environment(entries []*protocol.EnvEntry, dropEmpty bool) (list []string, variables map[string]string) {
	variables = maps.Clone(s.own)
	for _, e := range entries {
		if e.GetName() != "" && !ofTheCluster(e.GetName()) && (e.GetValue() != "" || !dropEmpty) {
			variables[e.Name] = e.Value
		}
	}
	list = make([]string, 0, len(variables))
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list, variables
}

// logFor is the log, with what tells a request from others.
func (s *Server) logFor(request *received, took time.Duration) *slog.Logger {
	return s.options.Log.With("application", request.asker().app, "path", request.GetAppRelPath(), "took", took)
}

// refuse counts and logs an error, and returns what Argo CD is told of it.
func (s *Server) refuse(request *received, err error, took time.Duration) error {
	s.metrics.refused(reason(err))
	log := s.logFor(request, took)
	log.Error(err.Error(), "reason", reason(err))
	var panicked *generate.PanicError
	if errors.As(err, &panicked) {
		log.Error("panic", "stack", string(panicked.Stack))
	}
	return answer(err, request.GetAppRelPath())
}

// report counts and logs manifests. Counted is the time since the first message: before it Argo CD packs what it sends.
func (s *Server) report(request *received, result generate.Result, took time.Duration) {
	s.metrics.generated(result.From, time.Since(request.begun))
	log := s.logFor(request, took)
	if result.From == generate.FromRender || result.From == generate.FromChild {
		for _, warning := range result.Warnings {
			log.Warn(warning)
		}
	}
	log.Info("rendered", "from", result.From, "manifests", len(result.Documents))
}

// CheckPluginConfiguration tells what Argo CD needs to know before it sends anything.
func (s *Server) CheckPluginConfiguration(context.Context, *emptypb.Empty) (*protocol.CheckPluginConfigurationResponse, error) {
	return &protocol.CheckPluginConfigurationResponse{IsDiscoveryConfigured: s.options.Config.Spec.Discover.defined()}, nil
}

// GetParametersAnnouncement tells the parameters of plugin.yaml. The files that come with the question are not needed.
func (s *Server) GetParametersAnnouncement(in protocol.ConfigManagementPluginService_GetParametersAnnouncementServer) error {
	start := time.Now()
	ctx, end := s.begin(in.Context())
	defer end()
	if request, err := s.receive(ctx, in, false); err != nil {
		return s.refuse(request, err, time.Since(start))
	}
	return in.SendAndClose(&protocol.ParametersAnnouncementResponse{ParameterAnnouncements: s.options.Config.announcements()})
}

// MatchRepository tells whether the discovery rule of plugin.yaml finds something.
func (s *Server) MatchRepository(in protocol.ConfigManagementPluginService_MatchRepositoryServer) error {
	start := time.Now()
	ctx, end := s.begin(in.Context())
	defer end()
	discover := s.options.Config.Spec.Discover
	request, err := s.receive(ctx, in, discover.defined())
	found := false
	if err == nil && discover.defined() {
		defer func() { request.free() }()
		found, err = s.matches(ctx, request, discover)
	}
	err = inVain(err, request, notRendered)
	if err != nil {
		return s.refuse(request, err, time.Since(start))
	}
	return in.SendAndClose(&protocol.RepositoryResponse{IsSupported: found, IsDiscoveryEnabled: discover.defined()})
}
