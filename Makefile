# Everything one does with this repository. `make` lists it.
#
# Each target sets up what it needs (scripts/venv): on a machine with git, make and Python 3.11 or
# later, `make demo` and `make test` work right after the clone.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo serve test check format lint types contracts tidy bench chaos chaos-long chaos-events chaos-metrics fuzz lighthouse docker docs lock clean setup setup-test setup-peers setup-browser

bin := .venv/bin
ARGS ?=
lighthouse := lighthouse@12.8.2

help: ## this list
	@printf '\n  make \033[1mtarget\033[0m\n\n'
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "  \033[36m%-12s\033[0m %s\n", $$1, $$2 }'
	@printf '\n  ARGS="…" is passed on: make serve ARGS="--port 9000", make test ARGS="-k retry"\n\n'

setup:
	@scripts/venv run

setup-test:
	@scripts/venv test

setup-peers: setup-test
	@scripts/peers

setup-browser: ## install chromium for the browser tests, when it may
	@scripts/browser

demo: setup ## see it work: three agents handle real customer messages, in one process
	@$(bin)/orchestra demo $(ARGS)

serve: setup ## run the server on http://127.0.0.1:8000, data in ./.orchestra
	@$(bin)/orchestra serve $(ARGS)

test: setup-peers setup-browser ## unit, contract, integration, end-to-end and browser tests
	@$(bin)/python -m pytest -m 'not chaos' $(ARGS)

check: format lint types contracts tidy test ## all that a change must pass

format: setup-test ## format the code, in place
	@$(bin)/ruff format

lint: setup-test ## lint, and check the format
	@$(bin)/ruff format --check
	@$(bin)/ruff check

types: setup-test ## check the types, strictly
	@$(bin)/pyright --warnings

contracts: setup-test ## check who imports whom
	@$(bin)/lint-imports --no-cache

tidy: setup-test ## check the house rules no linter knows
	@$(bin)/python -m pytest -q tests/test_tidy.py

bench: setup-test ## measure: JSON lines with the store's ceiling beside each figure
	@$(bin)/python -m bench $(ARGS)

chaos: setup-test ## a short round of simulated crashes and kill -9
	@$(bin)/python -m pytest -m chaos $(ARGS)

chaos-long: setup-test ## the long round: the figures of docs/reliability.md
	@PYTHONPATH=tests $(bin)/python -m simulation 1000
	@ORCHESTRA_TEST_CHAOS=long $(bin)/python -m pytest -m chaos $(ARGS)

chaos-events: setup-test ## 100,000 events through 3 consumers, with 60 kill -9
	@ORCHESTRA_TEST_CHAOS=long $(bin)/python -m pytest -s -m chaos tests/chaos/test_durable_readers.py $(ARGS)

chaos-metrics: setup-test ## ten hours in virtual time: every figure is that of the histories
	@ORCHESTRA_TEST_CHAOS=long $(bin)/python -m pytest -s -m chaos tests/simulation/test_measured.py $(ARGS)

fuzz: setup-test ## any requests: 10,000 to each route of monitoring, 1,000 to each other one
	@ORCHESTRA_TEST_FUZZ=10000 $(bin)/python -m pytest \
	  tests/integration/test_monitoring_fuzzed.py tests/integration/test_routes_fuzzed.py $(ARGS)

lighthouse: ## what Lighthouse thinks of URL (default: a server on port 8000); needs node and chromium
	@command -v npx >/dev/null || { echo "Lighthouse needs npx, which comes with node." >&2; exit 1; }
	@npx --yes $(lighthouse) --version >/dev/null || \
	  { echo "npx cannot get $(lighthouse): is a registry of npm within reach?" >&2; exit 1; }
	@npx --yes $(lighthouse) "$(or $(URL),http://127.0.0.1:8000/)" --quiet --output=html \
	  --only-categories=performance,accessibility,best-practices --output-path=./lighthouse.html \
	  --chrome-flags="--headless=new --no-sandbox --disable-dev-shm-usage" $(ARGS)

docker: ## build the image orchestra:dev
	docker build -t orchestra:dev .

docs: setup-test ## bring the tables of the documentation up to the code
	@$(bin)/python tests/doc_tables.py

lock: setup-test ## bring the locks up to pyproject.toml; ARGS=--upgrade takes the newest versions
	@scripts/lock $(ARGS)
	@scripts/peers --lock

clean: ## remove what was built, not your data in ./.orchestra
	rm -rf .venv .venv.lock .peers dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
