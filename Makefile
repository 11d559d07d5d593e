# One word runs everything. Each target sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-full check format lint types unit faults bench lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): requirements/dev.txt pyproject.toml
	@.ci/machine venv
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## a lab of real hosts, and a release of CLM rolled across it under load
	@.ci/machine lab
	$(BIN)/clmdeploy lab demo

check: format-check lint types unit ## format, lint, types, unit tests: no root, no lab

.PHONY: format-check
format-check: $(READY)
	$(BIN)/ruff format --check .

format: $(READY) ## put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	ANSIBLE_LIBRARY=playbooks/library $(BIN)/ansible-lint --offline --profile production playbooks

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest tests/unit

# Tests on real hosts wait more than they compute: two of these three at a time, each with a lab of its own. First those
# that no other clmdeploy of this machine may come near.
ON_HOSTS := test-lab test-backups test-faults
test: check ## every test, those on real hosts included
	@.ci/machine lab
	$(BIN)/pytest tests -m "alone and not full"
	$(MAKE) --no-print-directory -j2 --output-sync=target CHOICE='-m "not alone and not full"' $(ON_HOSTS)

test-full: check ## also what is too long for CI
	@.ci/machine lab
	$(BIN)/pytest tests -m alone
	$(MAKE) --no-print-directory -j2 --output-sync=target CHOICE='-m "not alone"' $(ON_HOSTS)

.PHONY: $(ON_HOSTS)
test-lab: $(READY)
	$(BIN)/pytest tests/lab --ignore tests/lab/backups $(CHOICE)

test-backups: $(READY)
	$(BIN)/pytest tests/lab/backups $(CHOICE)

test-faults: $(READY)
	$(BIN)/pytest tests/faults tests/contract $(CHOICE)

faults: $(READY) ## the whole matrix of faults: two to four hours; ARGS="--family kill --shard 1/4" for a part
	@.ci/machine lab
	$(BIN)/python -m tests.faults $(ARGS)

bench: $(READY) ## speed and memory beside named peers: deploys, then backups
	@.ci/machine lab
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.backups

lock: $(READY) ## resolve requirements/*.txt anew (hashes, no index named)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --upgrade pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --upgrade --extra lab --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

clean: ## remove what make made here
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
