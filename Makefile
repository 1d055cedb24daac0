# Each target sets up what it needs.
VENV := .venv
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

.PHONY: help setup demo test test-unit test-terminal bench faults pictures bare lint clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 16

setup: $(VENV)/installed ## Create the virtual environment, install the programs of the servers
	@sh scripts/install-programs.sh

demo: setup ## Open the console on 50,000 generated posts, on private servers
	@$(VENV)/bin/audience demo

# More than a third of the tests' time is waiting, so three processes keep two cores busy.
test: setup ## Run all tests on private servers; JOBS= processes, default 3
	@sh scripts/install-programs.sh tmux faketime mariadb openssl
	@$(VENV)/bin/pytest -n $(or $(JOBS),3) --dist loadgroup

test-unit: $(VENV)/installed ## Run the tests that need no server, in seconds
	@$(VENV)/bin/pytest tests/unit

test-terminal: setup ## Run the tests of the console in a terminal, in seconds
	@sh scripts/install-programs.sh tmux
	@$(VENV)/bin/pytest tests/console/test_terminal.py

bench: setup ## Measure the main job; ROWS=, ONLY=words, GROWTH=10, BENCH_FOLDER=, BENCH_JSON=file, PROFILE=1
	@sh scripts/install-programs.sh mariadb
	@$(VENV)/bin/python -m tests.benchmarks

faults: setup ## Try every fault many times; ONLY=words of its name
	@sh scripts/install-programs.sh faketime
	@[ "$$(id -u)" != 0 ] || sh scripts/install-programs.sh ip nft || echo "without them, two hosts are not tried"
	@$(VENV)/bin/python -m tests.faults

pictures: setup ## Take the pictures of the documentation; ARGS="--all --folder pictures --size 80x24"
	@$(VENV)/bin/python -m tests.pictures $(ARGS)

bare: ## Run make demo and make test on a bare Debian; SUITE=trixie for another release
	@bash scripts/bare.sh

lint: $(VENV)/installed ## Check style, types and layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

clean: ## Remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later with venv is needed (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "installing Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
