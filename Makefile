# ChatCluster: `make up` starts everything on this machine, `make test` proves it, `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Caches live outside the checkout, so that a fresh clone need not compile Kubernetes or every crate again.
export CHATCLUSTER_CACHE ?= $(HOME)/.cache/chatcluster
export CARGO_TARGET_DIR ?= $(CHATCLUSTER_CACHE)/target

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: ## Start the lab cluster, the operator and a demo chat; print what to open
	@lab/demo up

.PHONY: down
down: ## Stop everything that `make up` or `make test` started
	@lab/demo down

.PHONY: status
status: ## Show the lab, the operator and the demo chat
	@lab/demo status

.PHONY: test
test: ## Run every check and test; ends with `N passed, N failed`
	@tests/run

.PHONY: demo-scale
demo-scale: ## Watch processors follow a real backlog, in a table (needs `make up`; some minutes)
	@tests/scale/run demo

.PHONY: chaos
chaos: ## Break everything for long while 100,000 messages are sent; nothing may be lost
	@tests/faults/run long

.PHONY: bench
bench: ## Measure, side by side with a plain Node stack, and write bench/RESULTS.md
	@bench/run

.PHONY: build
build: ## Compile the three binaries and the chat page
	@lab/demo build

.PHONY: generate
generate: ## Regenerate the CRD, the rendered manifests and the query data
	@operator/generate.sh

.PHONY: fmt
fmt: ## Format the Rust code
	@cargo fmt --all
