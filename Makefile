# Everything one does with this project from a shell. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.NOTPARALLEL:

CARGO ?= cargo
export PATH := $(CURDIR)/.tools/bin:$(PATH)
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The binary that the SDK tests start.
export LLM_SIDECAR_BIN ?= $(TARGET)/debug/llm-sidecar
# Nearly as fast as release and quickly built: for demo, conformance and test-live.
CI_BIN := $(TARGET)/ci/llm-sidecar
# Where the conformance checker and its corpus of recorded vendor traffic lie, if there are any.
SHARED ?= ../shared

.PHONY: help
help: ## this list
	@echo "make TARGET"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

.PHONY: demo
demo: setup-rust ## the simulator and the proxy, one streamed and one plain request; serves until Ctrl-C (ONCE=1: ends after the requests)
	$(CARGO) build --locked --profile ci
	scripts/demo --binary $(CI_BIN) $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: build
build: setup-rust ## the release binary, target/release/llm-sidecar
	$(CARGO) build --locked --release

.PHONY: test
test: lint test-rust test-loom test-api test-sdk test-monitoring test-dashboard test-kubernetes ## every test that needs no key and no network; installs what it needs and lacks
	@echo "make test: all passed"

.PHONY: test-rust
test-rust: setup-rust ## unit and integration tests
	scripts/setup chaos || echo "make test-rust: some chaos tests will not run"
	scripts/setup postgres || echo "make test-rust: the tests with PostgreSQL will not run"
	$(CARGO) test --locked

.PHONY: test-loom
test-loom: setup-rust ## checks every interleaving of the code that threads share
	CARGO_TARGET_DIR=$(TARGET)/loom $(CARGO) test --locked --manifest-path tests/loom/Cargo.toml

.PHONY: test-api
test-api: setup-rust ## the admin API against the description it serves of itself (Schemathesis)
	$(CARGO) build --locked
	scripts/test-api

.PHONY: test-sdk
test-sdk: setup-rust ## the official SDKs (Python, Node) against the proxy and the simulator
	$(CARGO) build --locked
	scripts/test-sdk

.PHONY: test-monitoring
test-monitoring: setup-rust ## traces, metrics, alerts and the dashboard, read by a collector's types and a real Prometheus
	$(CARGO) build --locked
	scripts/test-monitoring

.PHONY: test-kubernetes
test-kubernetes: setup-rust ## the chart, the injector, and a pod imitated on this machine
	$(CARGO) build --locked
	scripts/test-kubernetes

.PHONY: test-apiserver
test-apiserver: setup-rust ## the injector and its chart in a real API server (builds one, once: ten minutes of processor time); no part of `make test`
	$(CARGO) build --locked
	scripts/test-apiserver

# The image's binary needs no libraries, and so cannot be built by the profile of requests that other releases are built by (profile/rustc).
# IMAGE_PROFILE=ci is quickly built, and nearly as small and fast; IMAGE_PROFILE=guided is built by a profile of its own: smaller, faster, and
# another one each time.
IMAGE_PROFILE ?= release
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
STATIC = RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C symbol-mangling-version=v0" $(CARGO) build --locked --target $(HOST)

ifeq ($(IMAGE_PROFILE),guided)
IMAGE_BUILD = benches/pgo --static
IMAGE_BIN = $(TARGET)/pgo/static/llm-sidecar
else
IMAGE_BUILD = $(STATIC) --profile $(IMAGE_PROFILE)
IMAGE_BIN = $(TARGET)/$(HOST)/$(IMAGE_PROFILE)/llm-sidecar
endif

.PHONY: image
image: setup-rust ## an OCI image in target/image, without a daemon, with its bill of materials; says its size (IMAGE_PROFILE=ci: quickly, guided: the fastest)
	$(IMAGE_BUILD)
	scripts/image $(IMAGE_BIN) $(HOST)

.PHONY: test-image
test-image: setup-rust ## makes the image of a quickly built binary, looks into it, and runs it as nobody on a read-only root
	$(MAKE) image IMAGE_PROFILE=ci
	scripts/setup python
	PYTHONDONTWRITEBYTECODE=1 .tools/kubernetes/bin/python -m pytest -c tests/pytest.ini -o pythonpath=kubernetes tests/image

.PHONY: test-dashboard
test-dashboard: setup-rust ## the dashboard in a headless Chromium; screenshots are left in target/screenshots
	$(CARGO) build --locked
	scripts/test-dashboard

.PHONY: test-live
test-live: setup-rust ## the official SDKs against a real, small language model (downloads 300 MB, once)
	$(CARGO) build --locked --profile ci
	LLM_SIDECAR_BIN=$(CI_BIN) scripts/test-live

.PHONY: conformance
conformance: setup-rust ## replays recorded vendor traffic, if the checker lies beside the project (SHARED=FOLDER)
	@if [ -x $(SHARED)/conformance/run ]; then
		set -x
		$(CARGO) build --locked --profile ci
		scripts/conformance --shared $(SHARED) --binary $(CI_BIN) $(CHECKS)
	else
		echo "conformance: not run, there is no $(SHARED)/conformance/run"
	fi

.PHONY: test-chaos
test-chaos: setup-rust ## faults in numbers, with the figures measured (CHAOS_VOLUME=PERCENT); `make test` has a small volume of it
	scripts/setup chaos
	$(CARGO) test --locked --profile ci --test chaos -- --nocapture --test-threads=4

.PHONY: prices
prices: ## takes over the current prices of models (from the Python package genai-prices)
	scripts/setup prices
	.tools/prices/bin/python scripts/prices

.PHONY: fuzz
fuzz: setup-rust ## feeds every reader of foreign bytes with what a fuzzer makes up (FUZZ_SECONDS=60 for each target, FUZZ_TARGETS="stream config")
	scripts/setup fuzz
	scripts/fuzz $(or $(FUZZ_SECONDS),60) $(FUZZ_TARGETS)

.PHONY: bench
bench: setup-rust ## compares direct, nginx and the proxy on this machine, and prints ratios (BENCH="--quick", BENCH="--only scale_streams,tls"; BENCH=--help lists the groups)
	benches/compare/run $(BENCH)

.PHONY: pgo
pgo: setup-rust ## makes the profile of requests anew that a release is built by (PGO="--cpu x86-64-v3": builds for newer processors by one of its own)
	scripts/setup instructions
	benches/pgo $(PGO)

.PHONY: layout
layout: setup-rust ## makes layout.ld anew: the functions that every process runs, which the linker puts together where the profile is not for the compiler
	scripts/setup instructions
	scripts/layout

.PHONY: count
count: setup-rust ## the instructions that a request, a chunk and a reload take, against a baseline, and whether layout.ld still fits (COUNT="--update" takes over a new one)
	scripts/setup instructions
	$(CARGO) build --locked --profile ci
	benches/instructions/run --binary $(CI_BIN) $(COUNT)
	scripts/layout --check $(CI_BIN)

.PHONY: lint
lint: setup-rust ## formatting and lints, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path tests/loom/Cargo.toml
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings

.PHONY: fmt
fmt: ## formats the code
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path tests/loom/Cargo.toml
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

.PHONY: deny
deny: setup-rust ## licences, banned crates and sources of the dependencies (advisories too, where the database can be reached)
	scripts/setup deny
	$(CARGO) deny --locked check bans licenses sources
	@if $(CARGO) deny --locked fetch db; then
		$(CARGO) deny --locked check advisories
	else
		echo "deny: advisories not checked, the database cannot be reached"
	fi

.PHONY: clean
clean: ## removes what was built and installed
	$(CARGO) clean
	rm -rf .tools tests/sdk/node/node_modules tests/dashboard/node_modules

.PHONY: setup-rust
setup-rust:
	@scripts/setup rust
