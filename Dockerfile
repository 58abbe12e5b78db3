# The image of the repo-server sidecar and of the generator. Pin the Go image by digest for a release:
#   docker build --build-arg GO_IMAGE=docker.io/library/golang:1.26@sha256:… --build-arg VERSION=v0.1.0 .
ARG GO_IMAGE=docker.io/library/golang:1.26
# Empty on purpose: the binaries are static. Of what a system has, the generator reads the certificates of public authorities
# alone; time zones, in which sync windows are written, are in the binaries (timetzdata): without them Argo CD's code takes
# every window to be in UTC.
ARG BASE_IMAGE=scratch

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY . .
ARG VERSION=dev
# BuildKit sets them; a default here would win over the platform that is built for.
ARG TARGETOS
ARG TARGETARCH
ENV GOCACHE=/go/build-cache
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags timetzdata \
      -ldflags "-s -w -X github.com/tidegate/tidegate/cmd/internal/cli.Version=$VERSION" \
      -o /out/ ./cmd/tidegate ./cmd/tidegate-plugin

FROM ${BASE_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/tidegate /out/tidegate-plugin /usr/local/bin/
# Where Argo CD's plugin servers look, and ours. A ConfigMap mounted over it changes the floor of the policy without another image.
COPY plugin.yaml /home/argocd/cmp-server/config/
ENV PATH=/usr/local/bin
# Argo CD's own user: the plugin's socket belongs to it, and repo-server must be able to connect.
USER 999:999
# The plugin's own server. The root file system may be read-only: only the socket's folder is written to. To run the plugin
# with Argo CD's own server instead, which starts a process for each request, see examples/argocd/repo-server-exec.yaml. The
# generator is started by manifests/generator.yaml.
ENTRYPOINT ["/usr/local/bin/tidegate-plugin", "serve"]
