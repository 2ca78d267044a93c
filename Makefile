# make check: seconds. make test: everything that CI runs. make demo, make bench NAME=plug, make tempest SUITE=tempest: root.
.PHONY: check test test-slow tempest demo bench lint venv suites host-tools test-tools clean

VENV := .venv
BIN := $(VENV)/bin
NAME ?= plug
SUITE ?= tempest
# Twice the cores of a small machine: half of what the tests do is to wait for packets that must not come.
# The slow ones boot machines without the help of a CPU, the pure ones wait for nothing: as many as there are cores.
WORKERS ?= 4
BUSY_WORKERS ?= 2
SPREAD := --dist loadfile --no-loadscope-reorder

check: lint
	$(BIN)/pytest -q tests/pure tests/golden -m "not slow" -n $(BUSY_WORKERS)

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/budgets.py
	PYTHONPATH=src $(BIN)/lint-imports

test: test-tools check
	$(BIN)/pytest -q tests/e2e tests/firewall tests/kernel tests/nova tests/api -m "not slow" -n $(WORKERS) $(SPREAD)

test-slow: test-tools suites
	$(BIN)/pytest -q tests -m slow -n $(BUSY_WORKERS) $(SPREAD)

# The Networking API's own test suites, against a fresh netwright. What they need is in a virtualenv of its own.
tempest: host-tools suites
	$(BIN)/python -m netwright.testing.tempest --venv .venv-suites --suite $(SUITE)

demo: host-tools venv
	$(BIN)/python -m netwright.testing.demo

bench: host-tools venv
	$(BIN)/python bench/$(NAME).py

venv: $(VENV)/ready

$(VENV)/ready: pyproject.toml scripts/setup-venv
	scripts/setup-venv $(VENV)

suites: venv
	scripts/setup-suites .venv-suites

host-tools:
	scripts/setup-host

# Extras that only tests need. The bindings of libvirt and OpenLDAP have no wheels: they are compiled, against headers that only these tools bring.
test-tools: venv
	scripts/setup-host tests
	$(BIN)/python -c "import ldap, libvirt, ovsdbapp, keystonemiddleware, keystone" 2>/dev/null || \
	    $(BIN)/pip install --quiet --disable-pip-version-check -e '.[ldap,libvirt,ovs,keystone]' keystone

clean:
	rm -rf $(VENV) .venv-suites .mypy_cache .ruff_cache .hypothesis
