# OpenIFIT. `make help` lists the targets.

# sudo replaces PATH, so look for Go also where its installers and the calling user keep it.
GO := $(shell PATH="$$PATH:/usr/local/go/bin:/usr/lib/go/bin:$(if $(SUDO_USER),$(shell getent passwd $(SUDO_USER) | cut -d: -f6)/go/bin:$(shell getent passwd $(SUDO_USER) | cut -d: -f6)/.local/go/bin:)/snap/bin" command -v go)
ifeq ($(GO),)
ifeq ($(filter help,$(or $(MAKECMDGOALS),help)),)
$(error Go 1.26 or newer is needed and was not found in PATH or /usr/local/go/bin: see https://go.dev/dl)
endif
endif
export PATH := $(patsubst %/,%,$(dir $(GO))):$(PATH)

# Under sudo, build as the calling user, so that bin/ and the caches stay theirs, and let root read the modules that this
# user has already downloaded.
ifneq ($(filter-out root,$(SUDO_USER)),)
AS_USER := sudo -u $(SUDO_USER) -H env PATH="$(PATH)"
export GOPROXY := file://$(shell $(AS_USER) $(GO) env GOMODCACHE)/cache/download,$(shell $(GO) env GOPROXY)
endif

# A checkout that git refuses to read (another owner) must still build.
ifneq ($(shell git rev-parse HEAD 2>/dev/null),)
VCS := auto
else
VCS := false
endif
export GOFLAGS += -buildvcs=$(VCS)

# The race detector needs a C compiler; without one the tests still run.
RACE := $(if $(shell command -v $$($(GO) env CC)),-race)

BUF  := .ci/bin/buf
LINT := .ci/bin/golangci-lint
GNMI := .ci/bin/gnmi_cli

# Benchmarks to run, comma-separated ids; all when empty.
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help build gen check-gen fmt lint test demo bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

build: ## Build bin/ifit-agent, bin/ifit-controller and bin/ifitctl; needs only Go
	@$(AS_USER) mkdir -p bin
	$(AS_USER) env CGO_ENABLED=0 GOFLAGS=$(GOFLAGS) $(GO) build -trimpath -o bin/ ./cmd/...

gen: $(BUF) ## Regenerate eBPF objects, YANG bindings, protobuf and the IPFIX table (needs clang-14 and llvm-14)
	@command -v clang-14 llvm-strip-14 >/dev/null || { echo "make gen: needs clang-14 and llvm-strip-14 (apt-get install clang-14 llvm-14 libbpf-dev)" >&2; exit 1; }
	$(BUF) generate
	$(GO) generate ./...

check-gen: ## Regenerate and fail if anything differs from what is there
	@GOFLAGS= MAKE="$(MAKE)" .ci/check-gen

fmt: $(LINT) $(BUF) ## Format Go and protobuf sources
	$(LINT) fmt
	$(BUF) format -w

lint: $(LINT) $(BUF) ## Check style, import rules and the northbound schema
	$(GO) vet ./...
	$(LINT) run
	$(BUF) lint
	$(BUF) format -d --exit-code
	@BUF=$(BUF) .ci/buf-breaking

test: ## Run every test; as root all of them, otherwise those that need no privilege
	@$(MAKE) --no-print-directory $(GNMI) || echo "make test: without gnmi_cli, whose test will be skipped" >&2
	@$(GO) run ./.ci/testsummary $(RACE) -extra ./.ci/testsummary -serial '/(lab|cmd)(/|$$)'

demo: build ## Raise the lab, run the loop on real packets, check it, clean up (as root)
	bin/ifitctl demo

bench: ## Run the benchmarks, print one table and write bench.json (as root all of them); ONLY=id,id runs a part
	$(GO) run ./lab/bench -only "$(ONLY)" -o bench.json

clean: ## Remove what was built
	rm -rf bin .ci/bin bench.json

# OpenConfig's client, with the dependencies that it was released with: a test drives the agent with it.
$(GNMI):
	@echo "building gnmi_cli, once"
	@GOBIN=$(CURDIR)/.ci/bin GOFLAGS= $(GO) install github.com/openconfig/gnmi/cmd/gnmi_cli@v0.14.1

# The tools live in a module of their own, so that the product's go.mod lists only what the product uses.
$(LINT) $(BUF): .ci/tools/go.mod .ci/tools/go.sum
	@echo "building $(notdir $@), once"
	@cd .ci/tools && GOFLAGS= $(GO) build -o ../bin/ $$($(GO) list -f '{{.ImportPath}}' tool | grep '/$(notdir $@)$$')
	@touch $@
