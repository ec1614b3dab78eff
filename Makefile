# Two commands matter: `make ask` answers a question about seeds/, `make test` runs the tests. Both install what they need, once.
PYTHON ?= python3
# Elsewhere the CPU build of torch has an index of its own; see "Install" in the README.
TORCH ?= torch==2.13.0
Q ?= why did Zelensky refuse to sign?
BIN := .venv/bin
export Q

.PHONY: ask serve test test-long lint install clean

ask: .venv/.installed
	@$(BIN)/rag add seeds
	@$(BIN)/rag ask "$$Q"

serve: .venv/.installed
	@$(BIN)/rag add seeds
	@$(BIN)/rag serve

test: .venv/.installed-dev
	@$(BIN)/python -m pytest

test-long: .venv/.installed-dev
	@$(BIN)/python -m pytest --long

lint: .venv/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

install: .venv/.installed

# torch goes first and pinned: a range that admits a newer release brings gigabytes of GPU libraries.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "installing into .venv (once, about two minutes)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check $(TORCH)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
