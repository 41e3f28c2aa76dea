# What people and the CI run. Another Python: make PYTHON=python3.13 test
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: quickstart test lint bench fuzz docs
.DELETE_ON_ERROR:

quickstart: $(READY)
	@$(BIN)/twoway quickstart

test: $(READY)
	@tests/real-parts
	$(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m bench

# Each codec for so long; needs Linux. What breaks one is left in fuzz/found.
fuzz: SECONDS = 60
fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python -m fuzz $(SECONDS)

docs: $(READY)
	$(BIN)/python docs/findings.py > docs/findings.md.new
	mv docs/findings.md.new docs/findings.md
	$(BIN)/python docs/refusals.py > docs/refusals.md.new
	mv docs/refusals.md.new docs/refusals.md
	$(BIN)/python docs/platforms.py > docs/platforms.md.new
	mv docs/platforms.md.new docs/platforms.md

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("twoway needs Python 3.11 or later: make PYTHON=python3.13 ..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import ensurepip' || { echo 'this Python makes no virtual environments: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@
