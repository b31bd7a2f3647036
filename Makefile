# One command each: make demo, test, long, bench, fuzz, oracles, docs, clean. Needs Python 3.11 or newer, and the network for pip.
# The first call makes .venv; later calls find it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first of these that runs and is new enough; `make PYTHON=/path/to/python` overrides.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --quiet --constraint constraints.txt
EXAMPLE := examples/sts001-wholebody-fdg-pet.zip
DEMO := .demo/case

.PHONY: help demo page test long bench fuzz oracles docs clean distclean

help:
	@echo "make demo     a real whole-body PET study from header to report (in $(DEMO))"
	@echo "make page     what the reading page takes from npm (needs Node; the wheel has it)"
	@echo "make test     everything that must hold"
	@echo "make bench    speed and accuracy, as tables"
	@echo "make fuzz     damaged files and network messages, for hours; begun again it goes on where it was"
	@echo "make long     the tests that take too long for every change"
	@echo "make oracles  numbers against other people's code"
	@echo "make docs     write the generated pages again"
	@echo "make clean    remove what was made; make distclean: and $(VENV)"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(VENV)/pip.stamp: | $(BIN)/python
	@echo "Setting up $(VENV); this happens once and takes a minute or two"
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/base.stamp: pyproject.toml constraints.txt $(VENV)/pip.stamp
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/base.stamp
	$(PIP_INSTALL) --editable . --group dev
	@touch $@

$(VENV)/oracles.stamp: $(VENV)/dev.stamp
	$(PIP_INSTALL) --editable '.[radiomics]'
	@touch $@

demo: $(VENV)/base.stamp
	$(BIN)/lymphoscope run $(EXAMPLE) -o $(DEMO) --force

page:
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run vendor

test: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

long: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 -m long

bench: $(VENV)/dev.stamp
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file; done

fuzz: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/fuzz.py

oracles: $(VENV)/oracles.stamp
	$(BIN)/python -m pytest tests/oracles

docs: $(VENV)/base.stamp
	$(BIN)/python docs/generate.py

clean:
	rm -rf .demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
