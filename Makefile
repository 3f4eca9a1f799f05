SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install lint test demo bench generate

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

install: ## install what the tests need; a second run costs nothing
	scripts/install

lint: ## everything that reads the sources without running them
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
	scripts/check-tls-stack
	shellcheck scripts/* .ci/run
	unformatted="$$(gofmt -l tests/cluster)"; echo "$$unformatted"; [[ -z $$unformatted ]]

# The tests come last: CI reads how many ran from the last line.
test: install lint ## install, lint and run all tests that need no root
	KUBE_TEST_BINARY="$$(scripts/build-kube)" cargo test --locked --workspace

demo: ## the exporter beside a pretend world that can be broken by name
	cargo build --locked --workspace
	cd "$${CARGO_TARGET_DIR:-target}/debug" && ./lab demo --exporter ./castai-health-exporter

bench: install ## measure the budgets on the static release binary
	scripts/bench "$$(scripts/build-release)"

generate: ## write what is derived from the catalogue
	cargo run --locked --quiet -- generate .
