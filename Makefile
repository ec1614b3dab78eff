# Two commands matter: `make ask` answers a question about seeds/, `make test` runs the tests. Both install what they need, once.
PYTHON ?= python3
# Elsewhere the CPU build of torch has an index of its own: see .github/workflows/tests.yml.
TORCH ?= torch==2.13.0
Q ?= why did Zelensky refuse to sign?
BIN := .venv/bin
# Of releases alone, in an environment of their own, so that the list of parts holds none of them.
RELEASE_TOOLS := cyclonedx-bom==7.5.0 uv==0.13.9
RELEASE := .venv-release/bin
export Q

.PHONY: ask serve test-fast test test-all test-long test-cluster lint docs install lock dist sbom clean

ask: .venv/.installed
	@$(BIN)/rag add seeds
	@$(BIN)/rag ask "$$Q"

serve: .venv/.installed
	@$(BIN)/rag add seeds
	@$(BIN)/rag serve

# For the edit loop: no model, no process, next to no disk.
test-fast: .venv/.installed-dev
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not model and not slow and not medium"

# Two processes, each with whole files: most tests wait for a disk, a server or a browser half of their time.
test: .venv/.installed-dev .venv/.installed-browser
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# What `make test` leaves out as well: kills, browsers, many servers.
test-all: .venv/.installed-dev .venv/.installed-browser .venv/.installed-postgres .venv/.installed-clients
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-long: .venv/.installed-dev
	@$(BIN)/python -m pytest --long -s tests/reliability tests/api/routes/test_collections.py tests/api/schemas/test_schemathesis.py

# Kills whole primary nodes of a cluster on this machine: 3 times, or 50 with LONG=--long. Skips itself, saying so, without etcd.
test-cluster: .venv/.installed-postgres
	@command -v etcd >/dev/null 2>&1 || { test "$$(id -u)" = 0 && apt-get -q update && apt-get -q install -y --no-install-recommends etcd-server; } \
		>/dev/null 2>&1 || echo "no etcd: the tests of a cluster will be skipped (apt-get install etcd-server)" >&2
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test-cluster]'
	@$(BIN)/python -m pytest -s $(LONG) tests/cluster

lint: .venv/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# The reference of commands, from their own help.
docs: .venv/.installed
	@$(BIN)/python -m rag.cli.reference docs/commands.md

# What `make ask` installs, and what `rag eval` needs as well.
install: .venv/.installed
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[eval]'

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "installing into .venv (once, less than a minute)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# torch goes first and pinned: a range that admits a newer release brings gigabytes of GPU libraries.
.venv/.installed-dev: .venv/.installed
	@$(BIN)/pip install -q --disable-pip-version-check $(TORCH)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.venv/.installed-postgres: pyproject.toml constraints.txt | .venv/.installed-dev
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test-postgres]' || \
		echo "no PostgreSQL server: the tests of a store in a database will be skipped" >&2
	@touch $@

.venv/.installed-clients: pyproject.toml constraints.txt | .venv/.installed-dev
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[test-clients]' || \
		echo "no frameworks: the tests of the client in them will be skipped" >&2
	@touch $@

# The browser tests skip themselves, saying so, where a browser cannot be had this way.
.venv/.installed-browser: tests/api/browser/package.json | .venv/.installed-dev
	@command -v chromium chromedriver >/dev/null 2>&1 || \
		{ test "$$(id -u)" = 0 && apt-get -q update && apt-get -q install -y chromium chromium-driver; } >/dev/null 2>&1 || \
		echo "no Chromium: the tests of the page will be skipped (apt-get install chromium chromium-driver)" >&2
	@npm ci --silent --prefix tests/api/browser >/dev/null 2>&1 || \
		echo "no axe-core: the accessibility test will be skipped (npm ci --prefix tests/api/browser)" >&2
	@touch $@

# The versions of constraints.txt that a running service needs, on every system, with the hashes of their files.
lock: .venv-release/.installed
	@$(RELEASE)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate -c constraints.txt pyproject.toml -o requirements.lock

# The wheel and the source distribution, in dist/.
dist: .venv-release/.installed
	@rm -rf dist
	@$(RELEASE)/uv build -q --python $(RELEASE)/python -o dist .

# What is installed in .venv, in CycloneDX; `python -m venv .venv && make install sbom` for a service without tools.
sbom: .venv/.installed .venv-release/.installed
	@$(RELEASE)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o sbom.json $(BIN)/python

.venv-release/.installed: Makefile
	@$(PYTHON) -m venv .venv-release
	@$(RELEASE)/pip install -q --disable-pip-version-check $(RELEASE_TOOLS)
	@touch $@

clean:
	rm -rf .venv .venv-release dist sbom.json .mypy_cache .pytest_cache .ruff_cache
