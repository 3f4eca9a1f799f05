SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Most tests wait for timeouts, so more of them than cores run side by side.
export RUST_TEST_THREADS ?= $(shell echo $$((4 * $$(nproc))))
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -1)
REGISTRY := $(shell sed -n 's/^registry = "\(.*\)"$$/\1/p' Cargo.toml | head -1)
ARCHITECTURE := $(shell dpkg --print-architecture 2>/dev/null)
IMAGE ?= $(or $(REGISTRY),local.test)/castai-health-exporter:$(VERSION)
.PHONY: help fetch check install lint deny advisories prose test test-pages test-latency test-sequences test-doctor test-fleet test-scale test-node test-node-attack demo \
	image test-arm64 package release-metadata release-notes sbom attack fuzz bench bench-scale soak generate pictures

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 18

fetch: ## Download the Rust dependencies
	cargo fetch --locked

check: export RUST_TEST_THREADS = $(shell echo $$((16 * $$(nproc))))
check: ## Format, clippy, unit and lab tests: the inner loop; needs Rust only
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace --lib --bins --test it --test demo

install: ## Install what the tests need; a second run changes nothing
	scripts/install

lint: ## Run all static checks: Rust, licences, prose, spelling, shell, Go, Dockerfile, workflows
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	$(MAKE) --no-print-directory deny prose
	shellcheck $$(grep -l '^#!' scripts/*) .ci/run
	scripts/check-dashboards
	PATH="$$(scripts/install-linters):$$PATH"; hadolint Dockerfile; actionlint
	unformatted="$$(gofmt -l tests/cluster tests/collector)"; echo "$$unformatted"; [[ -z $$unformatted ]]

deny: ## Check dependencies against deny.toml: bans, licences, sources
	PATH="$$(scripts/install-linters):$$PATH"; cargo-deny --locked check bans licenses sources

advisories: ## Check dependencies against the RustSec database, which must be reachable
	PATH="$$(scripts/install-linters):$$PATH"; cargo-deny --locked check advisories

prose: ## Check prose and spelling
	PATH="$$(scripts/install-linters):$$PATH"; \
	git ls-files -z --cached --others --exclude-standard '*.md' '*.rs' | xargs -0 vale --output=line; \
	typos

# The tests come last: CI reads how many tests ran from their summary.
test: install lint ## Install, lint and run all tests that need no root
	KUBE_TEST_BINARY="$$(scripts/build-kube)" HELM_TEST_BINARIES="$$(scripts/build-helm)" \
	CRD_TEST_FOLDER="$$(scripts/install-crds)" PROMETHEUS_TEST_BINARIES="$$(scripts/build-prometheus)" \
	COLLECTOR_TEST_BINARY="$$(scripts/build-collector)" \
	cargo test --locked --workspace

test-pages: install ## Inject each failure under a real Prometheus and Alertmanager; check every notification
	EVERY_MODE=1 cargo test --locked --test real -- --ignored --nocapture notifications::every_alert_notifies_once

test-latency: install ## Measure the time from a fault to its alert at production intervals (15 minutes)
	cargo test --locked --test real -- --ignored --nocapture latency::

test-sequences: install ## Play faults in a row: in the lab, at production intervals (40 minutes), and on real API servers (15 minutes)
	cargo test --locked --test it -- --ignored --nocapture fault_sequences::measured
	KUBE_TEST_BINARY="$$(scripts/build-kube)" HELM_TEST_BINARIES="$$(scripts/build-helm)" \
	cargo test --locked --test real -- --ignored --nocapture cluster::sequences

test-doctor: install ## Compare the doctor with the exporter in 36 faults of a real cluster (5 minutes)
	KUBE_TEST_BINARY="$$(scripts/build-kube)" HELM_TEST_BINARIES="$$(scripts/build-helm)" \
	cargo test --locked --test real -- --ignored --nocapture cluster::doctor::same_root

test-fleet: install ## Measure what the rules of 300 clusters cost one Prometheus
	cargo test --locked --test real -- --ignored --nocapture fleet::

test-scale: ## Watch 5,000 nodes and 50,000 pods of a real API server, simulated by kwok
	kube="$$(scripts/build-kube)" && kwok="$$(scripts/build-kwok)" && release="$$(scripts/build-release)" && \
	KUBE_TEST_BINARY="$$kube" KWOK_TEST_BINARY="$$kwok" EXPORTER_TEST_BINARY="$$release" \
	cargo test --locked --test real -- --ignored --nocapture cluster::scale

ARCHIVE ?=
# What the tests on a real node need, as variables of the next command.
NODE_PARTS = kube="$$(scripts/build-node)" && helm="$$(scripts/build-helm)" && image="$(ARCHIVE)" && \
	if [[ -z $$image ]]; then release="$$(scripts/build-release)" && \
	image="$$(scripts/build-image "local.test/castai-health-exporter:$(VERSION)" "$(ARCHITECTURE)=$$release")"; fi && \
	KUBE_TEST_BINARY="$$kube" HELM_TEST_BINARIES="$$helm" IMAGE_TEST_ARCHIVE="$$image"

test-node: install ## Test image, chart and the commands of the documentation on a real node; needs root; ARCHIVE=$(make -s image)
	$(NODE_PARTS) cargo test --locked --test real -- --ignored --nocapture --test-threads 1 node:: --skip node::attack::

test-node-attack: install ## Attack the companion on a real node for MINUTES=1; needs root
	$(NODE_PARTS) MINUTES=$(MINUTES) cargo test --locked --test real -- --ignored --nocapture node::attack::

image: ## Build the image for amd64 and arm64 and print the path of the OCI archive (15 minutes)
	@amd64="$$(TARGET=x86_64-unknown-linux-gnu scripts/build-release)" && \
	arm64="$$(TARGET=aarch64-unknown-linux-gnu scripts/build-release)" && \
	scripts/build-image "$(IMAGE)" "amd64=$$amd64" "arm64=$$arm64"

test-arm64: ## Run the program for arm64 in an emulator against the lab (15 minutes)
	scripts/install-arm64 >/dev/null
	program="$$(PROFILE=test TARGET=aarch64-unknown-linux-gnu scripts/build-release)" && \
	ARM64_TEST_BINARY="$$program" cargo test --locked --test real -- --ignored --nocapture arm64::

release-metadata: ## Print version, registry and repository; with TAG=vX.Y.Z, fail unless it can be released
	@scripts/release-metadata $(TAG)

release-notes: ## Print the entries of CHANGELOG.md that are not released, or those of VERSION
	@scripts/release-notes $(if $(filter command line,$(origin VERSION)),$(VERSION))

sbom: ## Write the bill of materials of the release binary, as CycloneDX, to target/sbom.json
	scripts/build-sbom

package: install ## Package the chart, the CLI of this machine, krew manifest, SBOM and checksums into target/package
	folder="$$(mktemp -d)" && ln -s "$$(scripts/build-helm)/helm4" "$$folder/helm" && \
	PATH="$$folder:$$PATH" scripts/build-package && rm -r "$$folder"

PROVIDER ?= eks
demo: ## Run the exporter in a simulated cluster with switches to break it; PROVIDER=gke or aks
	cargo build --locked --workspace
	cd "$${CARGO_TARGET_DIR:-target}/debug" && ./lab demo --exporter ./castai-health-exporter --provider $(PROVIDER)

bench: install ## Measure the budgets on the static release binary
	scripts/bench "$$(scripts/build-release)"

bench-scale: ## Measure the cost of a large cluster: 5,000 nodes, 150,000 pods, changes every second
	scripts/bench "$$(scripts/build-release)" --scale

attack: ## Attack the release build and measure attempts, memory, health and leaks (35 minutes)
	release="$$(scripts/build-release)" && EXPORTER_TEST_BINARY="$$release" \
	cargo test --locked --test real -- --ignored --nocapture attack:: --skip node::

MINUTES ?= 1
fuzz: ## Run each fuzz target for MINUTES=1; the parsers must survive any input
	MINUTES=$(MINUTES) scripts/fuzz

soak: install ## Run a healthy day, in two hours, with restarts, during which no alert may fire
	SOAK_MINUTES=110 cargo test --locked --test real -- --ignored --nocapture healthy_soak_sends_no_notification

generate: ## Write all generated files
	cargo xtask generate

pictures: ## Render the screenshots in docs/ (30 minutes)
	scripts/pictures
