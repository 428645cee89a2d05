# One line a target: `make` lists them.
SHELL := /bin/bash
FILTER ?=

help: ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what building and running need: Debian packages, named in Scripts/setup; says which Swift.
	@Scripts/setup

setup-tools: ## Install also what checks, tests, examples and benchmarks start.
	@Scripts/setup --tools

setup-tests: setup-tools ## Also fetch what only the tests need, from PyPI.
	@Scripts/fetch-json-schema-suite
	@Scripts/fetch-test-clients

build: setup ## Build everything for development.
	swift build

run: setup ## Build and start the whole system: gateway, Daraja simulator, a demo organization.
	@Scripts/products
	@.build/debug/mpesa-gateway dev $(ARGS)

test: setup-tools ## Run the whole suite (FILTER=… for a part of the Swift tests).
	@Scripts/test "$(FILTER)"

examples: setup-tools ## Build the example plugins into .build/examples.
	@Scripts/examples

lint: setup-tools ## Check format, headers, shell scripts and the house's own rules.
	@Scripts/lint

format: ## Format Swift sources.
	swift format format -i -p -r --configuration .swift-format Sources Plugins Examples Tests Package.swift Kit/Package.swift

check-bare: ## As root: show in a Debian 12 of its own that both commands set up what they need (ARGS=--set-up: that alone).
	@Scripts/check-bare-debian $(ARGS)

bench: setup-tests ## Measure; writes docs/benchmarks.md's figures to standard output.
	@Scripts/bench

clean: ## Remove what was built.
	rm -rf .build

.PHONY: help setup setup-tools setup-tests build run test examples lint format check-bare bench clean
