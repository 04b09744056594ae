.DEFAULT_GOAL := help
.PHONY: help demo test verify check bench bench-peers docs requirements
SHELL := /bin/sh
export PYTHON
python := .venv/bin/python
# Another number is another order of the tests and other random programs.
SEED ?= 1
pytest := $(python) -m pytest -n 2 --dist worksteal -q -p randomly --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
code := src tests examples docs $(wildcard benchmarks)

help: ## Print this list.
	@echo "Each of these makes .venv by itself (PYTHON=/path/to/python3 chooses the interpreter):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s%s\n", $$1, $$2 }'

demo: ## Run the video pipeline; VIDEO=path takes a video of yours.
	@requirements/install demo
	@$(python) -m examples.video_pipeline $(if $(VIDEO),"$(VIDEO)")

test: ## Run a sample of every kind of test, in less than five minutes on two cores.
	@requirements/install dev
	$(pytest) -m "not slow"

verify: ## Run all tests at full length; up to half an hour.
	@requirements/install dev
	OXHERD_TEST_PROFILE=full $(pytest)

check: ## Check format, lint, types, imports, spelling and the printed pages.
	@requirements/install dev
	$(python) -m ruff format --check $(code)
	$(python) -m ruff check $(code)
	$(python) -m mypy
	$(python) -m pyright --warnings
	$(python) -c 'from importlinter.cli import lint_imports_command as run; run()' --no-cache
	$(python) -m codespell_lib
	$(python) docs/generate.py --check

bench: ## Measure throughput and latency on SQLite and Redis.
	@requirements/install dev
	$(python) -m benchmarks

bench-peers: ## The same beside other queues, for docs/benchmarks.md; up to half an hour.
	@requirements/install dev
	$(python) -m benchmarks --peers
	$(python) docs/generate.py

docs: ## Print the pages that come from the code.
	@requirements/install dev
	$(python) docs/generate.py

requirements: ## Resolve the dependencies anew (needs uv).
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra all --group dev --quiet pyproject.toml -o requirements/dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra all --group demo --group build --constraints requirements/dev.txt --quiet pyproject.toml -o requirements/demo.txt
