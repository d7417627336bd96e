# Everything a contributor runs. Needs make and Python 3.11 or newer; all else goes into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
unexport PYTHONPATH PYTHONHOME
# Without what it has compiled, Python compiles all anew at every start: a second or two for each service.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
PACKAGES := common bothsides_client bothsides_stack scheduler analysis_worker monitor
BENCHMARKS := $(filter-out evaluate,$(patsubst benchmarks/%.py,%,$(wildcard benchmarks/[a-z]*.py)))
BENCH_TARGETS := $(subst _,-,$(addprefix bench-,$(BENCHMARKS)))

# Tests must not meet the caller's servers, keys or settings: each variable of these families is taken away.
FAMILIES := REDIS|OPENAI|BOTHSIDES|OTEL|AUTH|JOB|WORKER|SCHEDULER|MONITOR|CONVERSATION|NAMESPACE|STORE|TLS|LOG|DRAMATIQ|dramatiq|PYTEST|TERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR
WITHOUT_SETTINGS := env $$(env | sed -nE 's/^(($(FAMILIES))(_[A-Za-z0-9_]*)?)=.*/-u \1/p')

# Numbers must not hang on the kernel that a processor gets, nor two threads on who is first.
eval claims-model: export OPENBLAS_NUM_THREADS = 1

.PHONY: help setup test test-topology model-check chaos chaos-ai fuzz test-all eval claims-model lint format demo up lock protos clean bench-peers $(BENCH_TARGETS)

help: ## List the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) \
		| while IFS='|' read -r name text; do printf '  %-20s %s\n' "$$name" "$$text"; done
	@for name in $(BENCHMARKS); do printf '  %-20s %s\n' "bench-$${name//_/-}" \
		"$$(sed -nE '1s/^"""(.*[^".])\.?("""|$$).*/\1/p' "benchmarks/$$name.py") (ARGS=...)"; done

setup: ## Make .venv: the locked packages, ours, and the generated contract (does nothing when up to date)
	@command -v $(PYTHON) >/dev/null || { echo "setup needs Python 3.11 or newer: $(PYTHON) was not found; set PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("setup needs Python 3.11 or newer, %s is %s; set PYTHON=..." % (sys.executable, sys.version.split()[0]) if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) tools/setup.py

test: setup ## Run the tests; each starts the servers it needs (ARGS="-k name" to choose)
	@$(WITHOUT_SETTINGS) $(BIN)/pytest --import-mode=importlib -n 3 --dist loadgroup -m "not beyond_python and not topology and not outage" $(ARGS)

test-topology: setup ## Kill masters and nodes and move slots while jobs run (ARGS="-k cluster" to choose)
	@$(WITHOUT_SETTINGS) $(BIN)/pytest --import-mode=importlib -n 2 --dist load -m topology $(ARGS)

test-all: setup ## Run the tests, the long ones, and those that need more than Python: Node.js and npm
	@$(WITHOUT_SETTINGS) $(BIN)/pytest --import-mode=importlib -n 2 --dist loadgroup $(ARGS)

model-check: setup ## Hold the scripts to the model for long (EXAMPLES=2000 random lives of a queue)
	@$(WITHOUT_SETTINGS) MODEL_CHECK_EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/pytest --import-mode=importlib tests/integration/store/test_store_model.py

chaos: setup ## Kill, freeze and cut off for long, print the figures, hold them to the bars (SEEDS=5 storms)
	@$(WITHOUT_SETTINGS) CHAOS_SEEDS=$(or $(SEEDS),5) $(BIN)/pytest --import-mode=importlib -s tests/chaos

chaos-ai: setup ## Keep the provider away in every way for ten minutes, and spend a dollar at another (OUTAGE_S=600)
	@$(WITHOUT_SETTINGS) OUTAGE_S=$(or $(OUTAGE_S),600) $(BIN)/pytest --import-mode=importlib -s tests/chaos/test_provider_outages.py \
		tests/integration/worker/test_one_budget_and_many_jobs.py

fuzz: setup ## Send random calls to every method for long (CALLS=20000)
	@$(WITHOUT_SETTINGS) RANDOM_CALLS=$(or $(CALLS),20000) $(BIN)/pytest --import-mode=importlib -n 2 tests/integration/rpc/test_random_calls.py

eval: setup ## Measure the analysis on annotated debates, beside its floors (DATA=dir ARGS="claims")
	@test -n "$(DATA)" || { echo 'eval needs a directory of annotated data: make eval DATA=dir' >&2; exit 2; }
	@$(BIN)/python benchmarks/evaluate.py "$(DATA)" $(ARGS)

claims-model: setup ## Fit the claim model to the labelled sentences (ARGS=--check to cross-validate only)
	@$(BIN)/python tools/claims_model.py $(ARGS)

lint: setup ## Check style, types, import rules, the lock and the contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/mypy tests tools benchmarks/measure benchmarks/evaluation benchmarks/evaluate.py $(addprefix benchmarks/,$(addsuffix .py,$(BENCHMARKS)))
	$(BIN)/lint-imports
	$(BIN)/python tools/lock.py --check
	$(BIN)/python tools/contract.py

format: setup ## Format the Python and the protos, and mend what can be mended
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/buf format --write protos

demo: setup ## Watch an example debate being analysed by the whole stack (ARGS="--file FILE")
	@$(BIN)/bothsides demo $(ARGS)

up: setup ## Run the whole stack until interrupted (ARGS="--workers 2")
	@$(BIN)/bothsides up $(ARGS)

lock: setup ## Resolve all dependencies anew and write requirements.lock
	@$(BIN)/python tools/lock.py

protos: setup ## Generate the Python of the contract (setup does it too)
	@$(BIN)/python protos/generate.py

bench-peers: ## Install what bench-core compares with besides Dramatiq: BullMQ (needs node and npm)
	@cd benchmarks/peers && npm install --no-audit --no-fund --no-package-lock --loglevel=error

clean: ## Remove .venv and everything that is generated
	rm -rf .venv benchmarks/peers/node_modules protos/gen examples/node/node_modules build dist uv.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find libs services tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(BENCH_TARGETS): bench-%: setup
	@$(BIN)/python benchmarks/$(subst -,_,$*).py $(ARGS)
