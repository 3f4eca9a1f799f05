SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -1)
.PHONY: help install lint test test-pages test-fleet test-scale test-node demo bench bench-scale soak generate pictures

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

install: ## install what the tests need; a second run costs nothing
	scripts/install

lint: ## everything that reads the sources without running them
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	scripts/check-tls-stack
	shellcheck $$(grep -l '^#!' scripts/*) .ci/run
	scripts/check-dashboards
	"$${XDG_CACHE_HOME:-$$HOME/.cache}"/castai-health-exporter/hadolint-*/bin/hadolint Dockerfile
	unformatted="$$(gofmt -l tests/cluster)"; echo "$$unformatted"; [[ -z $$unformatted ]]

# The tests come last: CI reads how many ran from the last line.
test: install lint ## install, lint and run all tests that need no root
	KUBE_TEST_BINARY="$$(scripts/build-kube)" HELM_TEST_BINARIES="$$(scripts/build-helm)" \
	CRD_TEST_FOLDER="$$(scripts/install-crds)" PROMETHEUS_TEST_BINARIES="$$(scripts/build-prometheus)" \
	cargo test --locked --workspace

test-pages: install ## each failure under a real Prometheus and Alertmanager: who is told, how often, how soon
	EVERY_MODE=1 cargo test --locked --test it -- --ignored --nocapture told::whoever

test-fleet: install ## what the rules of 300 clusters cost one Prometheus
	cargo test --locked --test it -- --ignored --nocapture fleet::

test-scale: ## a real API server with 5,000 nodes and 50,000 pods, by kwok, and what it costs to watch them
	kube="$$(scripts/build-kube)" && kwok="$$(scripts/build-kwok)" && release="$$(scripts/build-release)" && \
	KUBE_TEST_BINARY="$$kube" KWOK_TEST_BINARY="$$kwok" EXPORTER_TEST_BINARY="$$release" \
	cargo test --locked --test it -- --ignored --nocapture real_cluster::scale

test-node: install ## the image, the chart and the README's install section on a real node; as root
	kube="$$(scripts/build-node)" && helm="$$(scripts/build-helm)" && release="$$(scripts/build-release)" && \
	image="$$(scripts/build-image "$$release" "local.test/castai-health-exporter:$(VERSION)")" && \
	KUBE_TEST_BINARY="$$kube" HELM_TEST_BINARIES="$$helm" IMAGE_TEST_ARCHIVE="$$image" \
	cargo test --locked --test it -- --ignored --nocapture --test-threads 1 node::

PROVIDER ?= eks
demo: ## the exporter beside a pretend world that can be broken by name; PROVIDER=gke or aks moves it
	cargo build --locked --workspace
	cd "$${CARGO_TARGET_DIR:-target}/debug" && ./lab demo --exporter ./castai-health-exporter --provider $(PROVIDER)

bench: install ## measure the budgets on the static release binary
	scripts/bench "$$(scripts/build-release)"

soak: install ## a healthy hour with restarts, in which nobody may be told anything
	SOAK_MINUTES=60 cargo test --locked --test it -- --ignored --nocapture nobody_is_told_anything

bench-scale: ## measure what a large cluster costs: 5,000 nodes, 150,000 pods, changes each second
	scripts/bench "$$(scripts/build-release)" --scale

pictures: ## take the pictures of the dashboards in docs/ anew; a quarter of an hour
	scripts/pictures

generate: ## write every file that is generated from the catalogue
	cargo xtask generate
