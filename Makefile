# Each target sets up what it needs, once. Needed on the machine: make, npm, and Python 3.11 or newer.
# Everything is installed into .venv, from the lock files, each download checked against its hash.
PYTHON ?= python3
ARGS ?=
UV_VERSION := 0.13.9

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
INSTALL_PROJECT := $(PIP) --no-deps --no-build-isolation --editable .

# Where it is set, each of the thousand processes of the tests compiles l2send and its libraries once more.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test postgres lab coverage lint format bench bench-all bench-sends bench-batch bench-batch-growth bench-journal man lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runtime ## send real payments between real chains, all on this machine
	@$(BIN)/l2send demo $(ARGS)

test: .venv/.dev ## run the tests (ARGS="-k name")
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not lab and not postgres" $(ARGS)

postgres: .venv/.dev ## run the tests of the PostgreSQL journal, on a server of their own (Debian: apt-get install postgresql)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "postgres and not lab" $(ARGS)

lab: .venv/.dev ## run the tests that take minutes: faults at every step, 500 random histories
	L2SEND_SEEDS=$${L2SEND_SEEDS:-500} $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m lab $(ARGS)

coverage: .venv/.dev ## measure which lines the tests run, in commands too (ARGS as for test)
	@$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not lab and not postgres" $(ARGS)
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report --sort cover

lint: .venv/.dev ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings --pythonpath $(BIN)/python

format: .venv/.dev ## rewrite what ruff can put right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev ## measure how fast balances are read
	$(BIN)/python -m bench.balances $(ARGS)

bench-all: .venv/.dev ## measure everything in one run: payments, balances, the journal (ARGS=--json)
	@$(BIN)/python -m bench --svg docs/pictures/journal-growth.svg $(ARGS)

bench-sends: .venv/.dev ## measure payments beside cast send and web3.py, start-up, many at once
	$(BIN)/python -m bench.sends $(ARGS)

bench-batch: .venv/.dev ## measure a file of 1,000 payments beside a loop of cast send
	$(BIN)/python -m bench.batch $(ARGS)

bench-batch-growth: .venv/.dev ## draw payments a second by lines and by workers, and the gas of a payment (needs PostgreSQL)
	$(BIN)/python -m bench.batch_growth $(ARGS)

bench-journal: .venv/.dev ## measure how lookups grow with the payments in the journal
	$(BIN)/python -m bench.journal --svg docs/pictures/journal-growth.svg $(ARGS)

man: .venv/.dev ## write the manual page again, from the commands
	$(BIN)/python tools/man_page.py

# Versions in the lock files stay as they are while pyproject.toml allows them: ARGS=--upgrade renews them.
COMPILE = "$$tmp/bin/uv" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet $(ARGS)

lock: .venv/.python ## write both lock files again
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && set -e; \
	$(BIN)/python -m venv "$$tmp"; \
	"$$tmp/bin/python" -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION); \
	$(COMPILE) --group build --output-file requirements.lock; \
	$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove everything made here
	rm -rf .venv build dist src/l2send.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.runtime: requirements.lock pyproject.toml .venv/.python
	@echo "Installing l2send into .venv; later runs skip this."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(INSTALL_PROJECT)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml .venv/.python
	@echo "Installing l2send and its development tools into .venv; later runs skip this."
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@$(INSTALL_PROJECT)
	@touch $@

# .venv/bin/python leads to the Python it was made from: gone with an upgrade, the whole .venv is made again.
.venv/.python: .venv/bin/python
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "l2send needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name a newer one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv
