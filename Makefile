# Two commands on a fresh machine: `make demo` and `make test`. Both set everything up by themselves.

SERVE ?= 1
PYTHON ?= python3
UV = $(shell command -v uv 2>/dev/null || echo .fotmate/uv/bin/uv)
RUN = $(UV) run --no-sync

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-ultralytics lint format docs bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

setup: ## install everything into .venv, as locked
	@sh scripts/bootstrap.sh "$(PYTHON)"
	$(UV) sync --locked --quiet --compile-bytecode

demo: setup ## real servers, a simulated season through every asset, the Dagster UI (SERVE=0: stop after the summary)
	$(RUN) python -m fotmate_assets.embedded.demo $(if $(filter 0,$(SERVE)),--no-serve)

test: setup ## the whole test suite, the benchmarks' smoke tests among it
	$(UV) sync --locked --quiet --compile-bytecode --group bench
	$(RUN) pytest -n 2 --dist loadfile -m "not alone" $(ARGS)
	$(RUN) pytest -m alone $(ARGS) || [ $$? -eq 5 ]  # 5: ARGS names none of them

test-ultralytics: setup ## the detector of the extra `vision` (AGPL-3.0, PyTorch: 6 GB), in an environment of its own
	UV_PROJECT_ENVIRONMENT=.venv-ultralytics $(UV) sync --locked --quiet --extra vision
	UV_PROJECT_ENVIRONMENT=.venv-ultralytics FOTMATE_MUST_HAVE_ULTRALYTICS=1 $(RUN) pytest fotmate_assets_tests/ultralytics $(ARGS)

lint: setup ## ruff, mypy, import-linter, the lock file
	$(UV) lock --check --quiet
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports

format: setup ## rewrite the code as ruff formats it
	$(RUN) ruff check --fix
	$(RUN) ruff format

docs: setup ## regenerate docs/configuration.md and docs/data-dictionary.md
	$(RUN) python scripts/generate_docs.py

bench: setup ## the benchmarks, each against a peer in the same run
	$(UV) sync --locked --quiet --group bench
	$(RUN) python benchmarks/definitions.py
	$(RUN) python benchmarks/load_events.py
	$(RUN) python benchmarks/racing.py
	$(RUN) python benchmarks/odds.py
	$(RUN) python benchmarks/trajectories.py
	$(RUN) python benchmarks/vision.py

clean: ## stop the embedded servers and delete their data
	-$(RUN) fotmate down
	rm -rf .fotmate
