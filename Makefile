# Every target is safe to repeat. The binaries and tools that are built lie in bin/.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X github.com/tidegate/tidegate/cmd/internal/cli.Version=$(VERSION)
FUZZTIME ?= 10s
# Benchmarks to run, a regular expression, and how often each; how often the suites.
BENCH ?= .
COUNT ?= 1
# Flags for the Go code of demo: CI gives -race, to compile Argo CD's packages only once.
DEMOFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## what Tidegate does, on the example: no cluster, no network
	@go run $(DEMOFLAGS) ./test/demo

.PHONY: test
test: ## the whole test suite, with the race detector
	go test -race -timeout 40m ./...

.PHONY: test-argocd3
test-argocd3: ## the plugin's server asked by the client of Argo CD 3, which has a module of its own
	go -C test/cmpserver/argocd3 test -count 1 .

# Flags for the suites: E2EFLAGS='-run TestPipeline -v'. They wait more than they work, so more run at once than there are cores.
E2EFLAGS ?=
# The race detector is in Tidegate's servers, not in what tests them: it would take the processor from them.
E2ETEST = TIDEGATE_RACE=1 go test -tags e2e -count 1

.PHONY: e2e
e2e: servers ## the suites on two real clusters with a real Argo CD, all on this machine, without containers
	@rm -rf bin/found
	$(E2ETEST) -timeout 60m -p 2 -parallel 3 $(E2EFLAGS) ./test/e2e/... ./test/controlplane/simulate/ ./test/playground/
	@cat bin/found/*.txt 2>/dev/null || true # what suites found: go test itself shows nothing of what passes

.PHONY: e2e-repeat
e2e-repeat: servers ## the suites COUNT times in a row, up to the first failure: COUNT=10
	@mkdir -p bin
	@for run in $$(seq $(COUNT)); do \
	  log=bin/e2e-$$run.log; start=$$(date +%s); \
	  $(MAKE) --no-print-directory e2e >$$log 2>&1 && said=passed || said=failed; \
	  echo "run $$run of $(COUNT) $$said after $$(($$(date +%s) - start))s: $$log"; \
	  if [ $$said = failed ]; then grep -E '^ *(--- )?FAIL' $$log; exit 1; fi; \
	done

# How many services come at once: half of them are automated, half are synced by humans.
RAMP ?= 300
.PHONY: e2e-ramp
e2e-ramp: servers ## one suite: RAMP (300) new services at once come in ramps
	$(E2ETEST) -timeout 60m -run '^TestManyServicesComeByAndBy$$' ./test/e2e -args -ramp-services=$(RAMP)
	@cat bin/found/ramp.txt

.PHONY: playground
playground: servers ## the same clusters to try things out in, until Ctrl-C
	@go build -o bin/ ./test/playground
	@exec bin/playground # so that what ends make ends it, and not a go run around it

.PHONY: servers
servers: ## Kubernetes, etcd and Argo CD, built once from their Go modules: some ten minutes
	@go run ./test/controlplane/build

.PHONY: build
build: ## bin/tidegate and bin/tidegate-plugin, static
	GOFLAGS= CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/tidegate ./cmd/tidegate-plugin

.PHONY: lint
lint: bin/staticcheck ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	go vet -tags e2e ./...
	bin/staticcheck -tags e2e ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	FUZZTIME=$(FUZZTIME) .ci/fuzz

.PHONY: bench
bench: build bin/kustomize ## benchmarks, beside kustomize build: BENCH=regexp COUNT=n
	CGO_ENABLED=0 go run ./test/bench/processes -plugin bin/tidegate-plugin -kustomize bin/kustomize
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

BENCHFLAGS ?=
.PHONY: bench-cmp
bench-cmp: build bin/kustomize ## the plugin's server beside Argo CD's own with kustomize build: BENCHFLAGS=flags of ./test/bench/cmp
	go run ./test/bench/cmp $(BENCHFLAGS)

.PHONY: soak
soak: build ## the plugin's server under 200 clients: its memory and that of its children
	go run ./test/bench/soak

.PHONY: bench-refresh
bench-refresh: servers ## a hard refresh of 200 Applications through a real repo-server, beside Argo CD's own ways
	go run ./test/bench/refresh

.PHONY: generate
generate: build ## what is generated: tables in docs/, the picture of the example's plan, a rollout in steps, embedded data
	go generate ./...
	bin/tidegate plan -o svg --root examples/gitops-platform examples/gitops-platform/services/payments-api/overlays/staging > docs/plan.svg
	bin/tidegate preview -o applicationset --repo-dir examples/gitops-platform --service payments-api > manifests/applicationset-rolling.yaml

# The plugins' versions are those of google.golang.org/protobuf and grpc in go.mod. protoc (Debian's protobuf-compiler) runs
# here, so that the file is registered under its path in this module: Argo CD's own may be linked into the same test.
PROTOCOL = plugin/cmpserver/protocol/plugin.proto
.PHONY: protocol
protocol: ## the code of Argo CD's plugin protocol, with protoc
	GOBIN=$(CURDIR)/bin go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.5
	GOBIN=$(CURDIR)/bin go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1
	PATH=$(CURDIR)/bin:$$PATH protoc --go_out=. --go_opt=paths=source_relative \
	  --go-grpc_out=. --go-grpc_opt=paths=source_relative $(PROTOCOL)

.PHONY: image
image: ## the image of the sidecar and of the generator, with docker
	docker build --build-arg VERSION=$(VERSION) -t tidegate:$(VERSION) .

.PHONY: clean
clean: ## remove bin/
	rm -rf bin

# Tools are pinned in modules of their own, so that they never move a version of ours. They are built as our own binaries
# are: the benchmarks compare them.
bin/%: .ci/tools/%/go.mod .ci/tools/%/go.sum
	GOFLAGS= CGO_ENABLED=0 go -C .ci/tools/$* build -trimpath -ldflags '-s -w' -o $(CURDIR)/bin/ tool
