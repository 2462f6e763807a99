# `make run` and `make test` do all the set-up they need; `make help` lists the rest.
# Needs Python 3.11 or newer with its venv module, and nothing else.

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK_TOOL := pip-tools==7.6.2
LOCK := $(VENV)/lock/bin/pip-compile --quiet --no-config --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --build-deps-for editable
FILE ?=
DEMO := workflows/release-notes.yaml
TESTS ?=
JOBS ?= auto

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test setup check bench cold seek screen frames busy audit crash interleave hostile determinism fuzz policy policies tamper try docs screenshots lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.ready ## Set up, then open the workbench (without a terminal: run the demo; or FILE=workflow.yaml)
	@if [ -z "$(FILE)" ] && [ -t 0 ] && [ -t 1 ]; then $(BIN)/reach; else $(BIN)/reach run $(or $(FILE),$(DEMO)); fi

test: $(VENV)/.ready-to-test ## Set up, then run the tests, on every core (or TESTS=tests/project, JOBS=1)
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(TESTS)

setup: $(VENV)/.ready-to-test ## Make the virtual environment with everything, tests included
	@echo "Ready: $(BIN)/reach --help"

check: $(VENV)/.ready-to-test ## Style, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/.ready-to-test ## Measure Reach beside SQLite itself and its peers, in one go
	@$(BIN)/python -m tests.bench

cold: $(VENV)/.ready-to-test ## Measure how long `reach run` takes from start to exit
	@$(BIN)/python -m tests.bench.cold

seek: $(VENV)/.ready-to-test ## Measure seeking in a run of a million events
	@$(BIN)/python -m tests.bench.seek

frames: $(VENV)/.ready-to-test ## Measure the workbench's first frame beside posting and harlequin
	@$(BIN)/python -m tests.bench.frames

screen: $(VENV)/.ready-to-test ## Measure the debugger's keys on a run of a million events
	@$(BIN)/python -m tests.bench.screen

busy: $(VENV)/.ready-to-test ## Measure a node's answers and the debugger's keys among 50 busy runs, and what it costs when idle
	@$(BIN)/python -m tests.bench.busy

audit: $(VENV)/.ready-to-test ## Measure the audit log, and tamper with one 10,000 times
	@$(BIN)/python -m tests.bench.audit

crash: $(VENV)/.ready-to-test ## Kill a working process 2,000 times and count what was lost or repeated
	@$(BIN)/python -m tests.crash

interleave: $(VENV)/.ready-to-test ## Play 20,000 random interleavings of all that can happen to held actions (half an hour)
	@$(BIN)/python -m tests.interleave

hostile: $(VENV)/.ready-to-test ## Run documents that mean harm, and time how each ends
	@$(BIN)/python -m tests.hostile

determinism: $(VENV)/.ready-to-test ## Run 1,000 generated workflows in two processes each and compare every digest
	@$(BIN)/python -m tests.determinism

fuzz: $(VENV)/.ready-to-test ## Send 10,000 requests made up from the API's description
	@$(BIN)/python -m tests.api

policy: $(VENV)/.ready-to-test ## Hold 100,000 decisions against plain Cedar and an oracle, and break 10,000 policies
	@$(BIN)/python -m tests.policy

policies: $(VENV)/.ready-to-test ## Measure how fast commands are decided by a thousand policies
	@$(BIN)/python -m tests.bench.policy

tamper: $(VENV)/.ready-to-test ## Tamper with capsules 10,000 times and count what is found
	@$(BIN)/python -m tests.tamper

try: $(VENV)/.ready-to-test ## Measure a trial of other policies on 100,000 recorded actions
	@$(BIN)/python -m tests.bench.trial

docs: $(VENV)/.ready ## Write what pages and policies take from tables and samples, and what the pages' consoles show
	@$(BIN)/python docs/write_cli.py
	@$(BIN)/python docs/write_keys.py
	@$(BIN)/python docs/write_policy.py
	@$(BIN)/python docs/transcripts.py

screenshots: $(VENV)/.ready ## Take the pictures in assets/ of the workbench over real runs of the samples
	@$(BIN)/python docs/screenshots.py

lock: $(VENV)/.made ## Pin the newest allowed versions in requirements*.txt
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install $(LOCK_TOOL)
	@CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade --output-file requirements.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --extra dev --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml

clean: ## Remove the virtual environment, caches and the samples' output
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build workflows/out

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/.made
	@echo "Installing Reach Workbench into $(VENV) (once; about half a minute)"
	@$(PIP) install --require-hashes --requirement requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q reach_workbench # a first run would do it, were it allowed to
	@touch $@

$(VENV)/.ready-to-test: requirements-dev.txt $(VENV)/.ready
	@echo "Installing what the tests need into $(VENV)"
	@$(PIP) install --require-hashes --requirement requirements-dev.txt
	@touch $@

# A file of our own marks an environment that is whole: an interrupted one is made again.
$(VENV)/.made:
	@sh .ci/make-venv $(VENV)
	@touch $@
