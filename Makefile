# Every target makes what it needs: a virtual environment in .venv (the benchmark's peers live in .bench-venv, the site's generator in .docs-venv), filled from
# the lock files, anew only when they change.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
BENCH  := .bench-venv
DOCS   := .docs-venv
LOCALES := service/locales
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-strip-extras
BOTH   := --extra embedded --extra postgres
SMS    := --extra aliyun --extra tencent --extra twilio
TRACES := --extra otel
# The peers run on the same Sanic, event loop and HTTP parser as Latch, or else the ratios would compare versions.
SHARED := sanic|sanic-routing|uvloop|httptools|multidict|ujson|hiredis|asyncpg

.DEFAULT_GOAL := help
.PHONY: help install run test test-slow test-all check fmt coverage settings locales docs migrate migration doctor bench bench-short lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/run.stamp ## set up what ./latch needs

run: $(VENV)/run.stamp ## set up and serve
	@$(BIN)/python run.py

test: $(VENV)/dev.stamp ## set up and run the tests, in less than two minutes
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/dev.stamp ## run those that attack and kill real services for long
	$(BIN)/python -m pytest -m slow $(ARGS)

test-all: test test-slow ## run every test

coverage: $(VENV)/dev.stamp ## the tests again, slower: what they reach, which must not become less
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

check: $(VENV)/dev.stamp ## format, lint, types, structure
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py

fmt: $(VENV)/dev.stamp ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

settings: $(VENV)/run.stamp ## write docs/settings.md and .env.example from the settings
	@$(BIN)/python -m settings

locales: $(VENV)/dev.stamp ## gather the texts for translation, and make what is read of the translations
	@$(BIN)/pybabel -q extract --mapping-file pyproject.toml --no-location --sort-output --add-comments Translators: \
		--output-file $(LOCALES)/latch.pot service
	@# No guesses: a text that was changed is one that is not translated yet.
	@$(BIN)/pybabel -q update --domain latch --input-file $(LOCALES)/latch.pot --output-dir $(LOCALES) --width 120 \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@rm $(LOCALES)/latch.pot
	@$(BIN)/pybabel -q compile --domain latch --directory $(LOCALES)

docs: $(DOCS)/docs.stamp ## make the site of docs/ in site/; a link that leads nowhere stops it
	@$(DOCS)/bin/zensical build --strict --clean

migrate: $(VENV)/run.stamp ## bring the database up to date
	@$(BIN)/python run.py migrate

migration: $(VENV)/run.stamp ## write a migration for what changed in models/
	$(BIN)/tortoise -c models.tooling.TORTOISE makemigrations

doctor: $(VENV)/run.stamp ## check settings and connections
	@$(BIN)/python run.py check

bench: $(VENV)/dev.stamp $(BENCH)/bench.stamp ## measure against bare Sanic and other stacks
	@$(BIN)/python -m bench $(ARGS)

bench-short: $(VENV)/dev.stamp $(BENCH)/bench.stamp ## the same in less than two minutes, and less exactly
	@$(BIN)/python -m bench --short $(ARGS)

lock: $(VENV)/dev.stamp ## renew the lock files from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) $(BOTH) $(SMS) $(TRACES) --group dev -o requirements-dev.lock pyproject.toml
	@# pytest-sanic holds websockets down; what runs in production starts from the same versions without that bound.
	cp requirements-dev.lock requirements.lock
	$(COMPILE) $(BOTH) --upgrade-package websockets -o requirements.lock pyproject.toml
	cp requirements-dev.lock requirements-docker.lock
	$(COMPILE) --extra postgres $(SMS) --upgrade-package websockets -o requirements-docker.lock pyproject.toml
	grep -oiE '^($(SHARED))==[^ ;]+' requirements.lock > bench/requirements.shared
	$(COMPILE) --constraints bench/requirements.shared -o bench/requirements.lock bench/requirements.in
	rm bench/requirements.shared
	$(COMPILE) -o docs/requirements.lock docs/requirements.in
	$(COMPILE) -o .ci/gateways.lock .ci/gateways.in

clean: ## remove the virtual environment and caches, not the data
	rm -rf $(VENV) $(BENCH) $(DOCS) site .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Latch needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module? On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/run.stamp: requirements.lock | $(VENV)/bin/python
	@echo "installing what Latch needs into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(BENCH)/bench.stamp: bench/requirements.lock
	@echo "installing what the benchmark compares with into $(BENCH) ..."
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.lock
	@touch $@

$(DOCS)/docs.stamp: docs/requirements.lock
	@echo "installing what makes the site into $(DOCS) ..."
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.lock
	@touch $@
