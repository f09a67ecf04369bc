# `make up` starts the workbench, `make test` runs every test; both install what they need first.
PYTHON ?= python3.11
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# As `promethios up` sets it.
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help up test lint bench chromium

help: ## show this help
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: .venv/installed ## install, migrate, seed, and start the workbench
	@$(BIN)/promethios up

test: .venv/installed-dev chromium ## run all tests with branch coverage
	@mkdir -p build && $(BIN)/python -m slipcover --immediate -m pytest -n 2 --dist worksteal --durations=25
	@$(BIN)/python -m tests.covered build/coverage.json

lint: .venv/installed-dev ## format, lint, types, layers
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: .venv/installed-dev ## print the benchmarks
	@$(BIN)/python -m benchmarks

chromium:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests…"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	  else echo "Chromium is missing: install it (Debian: apt install chromium), or the browser tests are skipped."; fi; }

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or say where: make up PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is not Python 3.11: make up PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Creating .venv…"
	@$(PYTHON) -m venv .venv

# torch goes first: its pin chooses the CPU build, and what depends on it must find it installed.
.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	@echo "Installing what the workbench needs into .venv (about 3 GB, a few minutes)…"
	@$(BIN)/pip install -q "$$(grep -o '^torch==[0-9.]*' requirements.txt)" && $(BIN)/pip install -q -r requirements.txt || { echo "The installation failed. Check the network connection to the package index and run the command again: it goes on where it stopped."; exit 1; }
	@$(BIN)/pip install -q --no-deps -e .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@echo "Installing what the tests need…"
	@$(BIN)/pip install -q -r requirements-dev.txt
	@touch $@
