# make check: seconds. make test: everything that CI runs. make demo, make bench NAME=plug: root.
.PHONY: check test test-slow demo bench lint venv host-tools test-tools clean

VENV := .venv
BIN := $(VENV)/bin
NAME ?= plug

check: lint
	$(BIN)/pytest -q tests/pure tests/golden -m "not slow"

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/budgets.py
	PYTHONPATH=src $(BIN)/lint-imports

test: test-tools check
	$(BIN)/pytest -q tests/api tests/kernel tests/firewall tests/nova tests/e2e -m "not slow" -n 2 --dist loadfile

test-slow: test-tools venv
	$(BIN)/pytest -q tests -m slow -n 2 --dist loadfile

demo: host-tools venv
	$(BIN)/python -m netwright.testing.demo

bench: host-tools venv
	$(BIN)/python bench/$(NAME).py

venv: $(VENV)/ready

$(VENV)/ready: pyproject.toml scripts/setup-venv
	scripts/setup-venv $(VENV)

host-tools:
	scripts/setup-host

# Extras that only tests need. The bindings of libvirt and OpenLDAP have no wheels: they are compiled, against headers that only these tools bring.
test-tools: venv
	scripts/setup-host tests
	$(BIN)/python -c "import ldap, libvirt, ovsdbapp, keystonemiddleware, keystone" 2>/dev/null || \
	    $(BIN)/pip install --quiet --disable-pip-version-check -e '.[ldap,libvirt,ovs,keystone]' keystone

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
