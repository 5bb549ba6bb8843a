# deepbiq: `make demo` shows it at work, `make test` checks everything. Both need nothing but Python 3.10 to 3.13.

PYTHON ?= python3
TORCH ?= torch==2.13.0

VENV := .venv
DEMO_VENV := .venv-demo
BIN := $(VENV)/bin
WHEEL_SOURCES := pyproject.toml README.md LICENSE NOTICE \
	$(shell find runtime export calibration training benchmarks/deepbiq_benchmarks -type f \
		-not -path '*/__pycache__/*' -not -path '*.egg-info/*')
SOURCES := runtime export calibration training benchmarks tests samples docs

# What is imported is compiled once, whatever the shell says: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types contracts servers pytest tables wheel clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(DEMO_VENV)/.installed ## Score the sample pictures and worse versions of them, and draw their quality maps
	$(DEMO_VENV)/bin/python samples/demo.py demo-results

test: lint types contracts pytest ## Set up everything, then lint, check types and imports, and run all tests

lint: $(VENV)/.installed ## Check style and formatting
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.installed ## Check types
	$(BIN)/mypy

contracts: $(VENV)/.installed ## Check the direction of imports
	$(BIN)/lint-imports

servers: ## Install what camera tests talk to (broker, RTSP server, browser), where that is allowed
	sh tests/install_servers.sh

# Three processes on two cores: many tests wait for servers, cameras and child processes. Each computes with one thread,
# as threads of several processes on the same cores mostly wait for each other.
pytest: $(VENV)/.installed servers ## Run all tests
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

tables: $(VENV)/.installed ## Copy the figures of benchmarks/results into README and docs
	$(BIN)/python -m deepbiq_benchmarks.tables

wheel: dist/.built ## Build the wheel

dist/.built: $(WHEEL_SOURCES)
	rm -rf build dist
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .
	rm -rf build
	touch $@

$(DEMO_VENV)/.installed: dist/.built
	$(PYTHON) -m venv --clear $(DEMO_VENV)
	$(DEMO_VENV)/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	touch $@

# torch is named with its version and on its own, so that no other package pulls in another build of it. Modules are
# compiled when they are first imported: most never are.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile '$(TORCH)'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable '.[archive,bench,camera,train,export,ray,dev]'
	touch $@

clean: ## Remove everything that make made
	rm -rf $(VENV) $(DEMO_VENV) build dist demo-results deepbiq.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find $(SOURCES) -type d -name __pycache__ -prune -exec rm -rf {} +
