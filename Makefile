# Every target sets up what it needs: a Python of 3.11 or newer is all that a
# fresh machine must have.  `make test PYTHON=python3.13` picks another one.

CANDIDATES := python3 python3.12 python3.13 python3.11 python3.14
USABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in $(CANDIDATES); do \
	$$name -c '$(USABLE)' >/dev/null 2>&1 && echo $$name && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALLED := .venv/.installed
BENCH_INSTALLED := .venv/.bench-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format bench conformance docs clean

help:
	@echo "make demo         train the coffee-roasting network on its CSV"
	@echo "make test         lint, type-check and test"
	@echo "make lint         ruff and pyright only"
	@echo "make format       rewrite the code in the house style"
	@echo "make bench        time defnpy beside its peers"
	@echo "make conformance  tell which of Nx's own tests hold"
	@echo "make docs         write the page of all operations to build/docs"
	@echo "make clean        remove the environment and every cache here"

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements-dev.lock
	@test -n "$(PYTHON)" || { \
		echo "defnpy needs Python 3.11 or newer with venv;" \
			"name one: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(PIP) -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	$(PIP) -c requirements-dev.lock --no-build-isolation -e '.[bench]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python -m models.coffee_roasting

test: lint
	$(BIN)/python -m pytest -n 2

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(BENCH_INSTALLED)
	$(BIN)/python -m bench

conformance: $(INSTALLED)
	PYTHONPATH=tests $(BIN)/python -m conformance

docs: $(INSTALLED)
	$(BIN)/python -m docs.page

clean:
	rm -rf .venv .benchmarks .hypothesis .pytest_cache .ruff_cache build dist
	find defnpy models tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
