# The image of the repo-server sidecar. Pin both bases by digest for a release:
#   docker build --build-arg GO_IMAGE=docker.io/library/golang:1.26@sha256:… --build-arg VERSION=v0.1.0 .
ARG GO_IMAGE=docker.io/library/golang:1.26
# Empty on purpose: the binaries are static and read no file outside the repository that they are given.
ARG BASE_IMAGE=scratch

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY . .
ARG VERSION=dev
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ENV GOCACHE=/go/build-cache
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
      -ldflags "-s -w -X github.com/tidegate/tidegate/cmd/internal/cli.Version=$VERSION" \
      -o /out/ ./cmd/tidegate ./cmd/tidegate-plugin

FROM ${BASE_IMAGE}
COPY --from=build /out/tidegate /out/tidegate-plugin /usr/local/bin/
# Where argocd-cmp-server looks. A ConfigMap mounted over it changes the floor of the policy without another image.
COPY plugin.yaml /home/argocd/cmp-server/config/
ENV PATH=/usr/local/bin
# Argo CD's own user: the plugin's socket belongs to it, and repo-server must be able to connect.
USER 999:999
# Not in this image: an init container of repo-server copies Argo CD's own (static) binary into the volume var-files, which
# the sidecar mounts at /var/run/argocd. So the server always speaks the protocol of the Argo CD that calls it; it starts
# tidegate-plugin, found on PATH, for each request.
# The root file system may be read-only: only /tmp (an emptyDir: repositories are unpacked there) and the socket's folder
# are written to.
ENTRYPOINT ["/var/run/argocd/argocd-cmp-server"]
