# Everything that a person types. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
export PYTHONUNBUFFERED := 1
# What the tests sample rotates with the commit: each run is reproducible, no two commits sample alike.
SEED := $(shell git rev-parse --short=7 HEAD 2>/dev/null || echo 0)

.PHONY: help run ui ui-test screenshots test test-full lint format protos protos-check openapi assets bench bench-composer bench-engine bench-engine-gpu composer-report load query-plans demo clean environment-run environment-test

help: ## this list
	@echo "Music Gen AI"; echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo; echo "  MUSICGEN_HOME=var MUSICGEN_PORT=8000 MUSICGEN_SINGLE_USER=1 MUSICGEN_LOG=debug make run"

environment-run environment-test: environment-%:
	@python=$$(sh scripts/find_python.sh "$(PYTHON)") && "$$python" scripts/bootstrap.py $*

run: environment-run ## install what is needed, start the whole platform, say where it is
	@$(PY) scripts/build_frontend.py --optional
	@exec $(PY) -m services.standalone

assets: environment-run ## fetch the pinned files (SoundFont) into MUSICGEN_HOME
	@$(PY) scripts/fetch_assets.py --home "$${MUSICGEN_HOME:-var}"

test: environment-test ## lint, types, contracts, protos and the sampled test tier (at most 20 minutes)
	@$(PY) scripts/fetch_assets.py
	@$(PY) scripts/run_tests.py --seed $(SEED)

test-full: environment-test ## the same with every test, the slow ones too
	@$(PY) scripts/fetch_assets.py
	@$(PY) scripts/fetch_assets.py sentences.minilm-weights
	@$(PY) scripts/run_tests.py --seed $(SEED) --full

lint: environment-test ## ruff, bandit, licences, known weaknesses, mypy, import contracts, protos, studio
	@$(PY) scripts/run_tests.py --only-checks

format: environment-test ## put the code into its form
	@$(PY) -m ruff check --fix-only . && $(PY) -m ruff format .

protos: environment-test ## generate the code of protos/
	@$(PY) scripts/generate_protos.py

protos-check: environment-test ## fail when the generated code is stale
	@$(PY) scripts/generate_protos.py --check

openapi: environment-test ## write docs/api-reference/openapi.json from the code
	@$(PY) scripts/export_openapi.py

ui: environment-run ## build the web studio (`make run` does it when its sources changed)
	@$(PY) scripts/build_frontend.py

ui-test: environment-test ## types, form and unit tests of the web studio
	@$(PY) scripts/build_frontend.py --test

screenshots: environment-test ## pictures of every page in both themes and three widths, into var/screenshots
	@$(PY) scripts/build_frontend.py
	@$(PY) scripts/take_screenshots.py

bench: environment-test ## measure songs through the public API on this machine
	@$(PY) scripts/benchmark.py

bench-composer: environment-test ## how fast the composer is, cold and warm, and in how much memory
	@$(PY) scripts/bench_composer.py

composer-report: environment-test ## measure the composer over genres and seeds (tables, spectrograms)
	@$(PY) scripts/composer_report.py

bench-engine: environment-test ## the MusicGen engine beside transformers on the CPU (half an hour; QUICK=1: minutes)
	@$(PY) scripts/bench_engine.py $(if $(QUICK),--quick,)

bench-engine-gpu: environment-test ## the same on a GPU, in eight minutes
	@$(PY) scripts/bench_engine_gpu.py

load: environment-test ## 50 users' journeys, then 1,000 devices at 500 requests/s, a minute each; prints percentiles
	@$(PY) scripts/load_test.py

query-plans: environment-test ## lists on 10,000 people, 200,000 tracks and 2 M likes: their plans and percentiles (minutes)
	@$(PY) scripts/bench_lists.py

demo: environment-run ## a few people with songs, for a running platform that is empty
	@$(PY) scripts/seed_demo.py

clean: ## remove what tools made (not .venv, not var)
	@find . -name __pycache__ -not -path './.venv/*' -not -path './var/*' -prune -exec rm -rf {} +
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov *.egg-info frontend/out frontend/.next
