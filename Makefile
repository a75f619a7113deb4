# Everything sets itself up: a fresh clone needs Python 3.11 or newer and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= $(if $(wildcard config.yaml),config.yaml,config.example.yaml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(BIN)/python:
	$$(scripts/find-python) -m venv $(VENV)

$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PIP) install --require-hashes -r requirements-dev.txt
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# Grafana's own data library, for the tests of the dashboards; without npm they say what is missing.
$(VENV)/.node: tests/grafana/package.json tests/grafana/package-lock.json | $(BIN)/python
	@if command -v npm >/dev/null; then mkdir -p $(VENV)/node && cp $^ $(VENV)/node && \
		npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund --loglevel=error && \
		touch $@; fi

# Helm, for the tests of the chart; without Go they say what is missing.
$(VENV)/.helm: | $(BIN)/python
	@if command -v go >/dev/null; then \
		GOBIN=$(abspath $(VENV))/helm go install helm.sh/helm/v3/cmd/helm@v3.18.6 2>$(VENV)/helm.log && touch $@ || tail -n 3 $(VENV)/helm.log; fi

$(VENV)/.release: requirements-release.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/release
	$(VENV)/release/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-release.txt
	@touch $@

run: $(VENV)/.run ## Start the daemon on config.yaml, or else on config.example.yaml
	$(BIN)/python -m exporter --config.file=$(CONFIG) $(ARGS)

demo: $(VENV)/.dev ## Start the daemon on a simulated internet; no packet leaves this machine
	$(BIN)/python -m tests.lab.demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.node $(VENV)/.helm ## Run every test
	@$(BIN)/python -m tests.wine.recipe || true
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(if $(ARGS),,--fail-under=95)

lint: $(VENV)/.dev ## Check style, types and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Measure; the figures in docs/performance.md come from here
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.dev ## Hold paths in a troubled world for about an hour: no false change, no missed one
	$(BIN)/python -m tests.soak $(ARGS)

screenshots: $(VENV)/.dev ## Take the pictures of the documentation anew, in a real Chromium
	$(BIN)/python -m tests.screenshots

package: $(VENV)/.dev $(VENV)/.release ## Make a Debian package, an RPM and their SBOM in dist/
	scripts/build-package

audit: $(VENV)/.release ## Ask PyPI for known vulnerabilities of what is locked (needs the network)
	$(VENV)/release/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
lock: $(BIN)/python ## Lock the dependencies anew (UPGRADE=1 for the newest versions)
	$(PIP) install uv
	$(LOCK) pyproject.toml --output-file requirements.txt
	$(LOCK) pyproject.toml --group dev --constraints requirements.txt --output-file requirements-dev.txt
	$(LOCK) --group release --output-file requirements-release.txt

clean: ## Remove what was made here
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help run demo test lint format bench soak screenshots package audit lock clean
