# One word per errand. `make help` lists them; every target but `help` and `clean` first makes sure of .venv.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --python $(BIN)/python $(UPGRADE)

# What a shell may carry that would change or slow down what runs here.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS VIRTUAL_ENV UV_PROJECT_ENVIRONMENT
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help install demo test soak check bench docs serve lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

install: .venv/.installed ## make .venv from the pinned requirements

demo: install ## tell the life of a real model on real data
	@$(BIN)/tidemill demo

test: install ## run the tests
	@$(BIN)/python -m pytest

soak: install ## kill and stop processes of runs at random (SECONDS=600 KILLS=300 SEED=...)
	@$(BIN)/python -m tests.soak --seconds $(or $(SECONDS),600) --kills $(or $(KILLS),300) $(if $(SEED),--seed $(SEED))

check: install ## lint, format, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: install ## measure speed against the machine's own limit
	@$(BIN)/python -m bench $(ROWS)

docs: install ## build the documentation
	@echo "There is nothing to build yet: the documentation is read as it lies in docs/."

serve: install ## start the server
	@echo "There is no server yet: use the command line, .venv/bin/tidemill --help."

lock: .venv/.uv ## pin the requirements again (UPGRADE=--upgrade takes the newest versions)
	@$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	@$(COMPILE) pyproject.toml --extra ml --output-file requirements/runtime.txt
	@$(COMPILE) pyproject.toml --extra ml --extra postgres --extra s3 --group dev --output-file requirements/dev.txt

clean: ## remove .venv and everything that was built
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tidemill needs Python 3.11 or newer: make PYTHON=python3.12 install")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.requirements: .venv/.uv requirements/dev.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# hatchling is among the pinned requirements, so the build of the package itself downloads nothing.
.venv/.installed: .venv/.requirements pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
