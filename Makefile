# make run    a node on this machine, http://127.0.0.1:8000/pscheduler/, until Ctrl-C
# make test   everything that is checked, from nothing
# make quick  the tests of rules, services, stores and pages, in less than 90 s
# make mutate PACKAGE=chalicelib/store    changes the code, and names the changes that no test notices
# make plugin-check NAME=rtt    looks a plugin over
# Variables of run: PORT ADDRESS STATE ENGINE=ministack|moto TLS=1 FIRST=0

PYTHON ?= python3
PORT ?= 8000
ADDRESS ?= 127.0.0.1
STATE ?=
ENGINE ?= ministack
TLS ?=
FIRST ?= 1
WORKERS ?= 2

VENV := .local/venv/bin
export MINISTACK_PYTHON ?= $(CURDIR)/.local/ministack-venv/bin/python

.PHONY: run test quick mutate check format bench soak plugin-check setup clean
.SILENT:

run: setup
	exec $(VENV)/python -m local.node --port $(PORT) --address $(ADDRESS) $(if $(STATE),--state $(STATE)) \
		--engine $(ENGINE) $(if $(filter-out 0 no,$(TLS)),--tls) $(if $(filter 0 no,$(FIRST)),--no-first)

test: check
	echo "Tests ..."
	$(VENV)/python -m pytest -q -n $(WORKERS)

quick: setup
	HYPOTHESIS_PROFILE=quick MODEL_STEPS=2000 $(VENV)/python -m pytest -q -n $(WORKERS) \
		tests/domain tests/service tests/store tests/api

mutate: setup
	$(if $(PACKAGE),,$(error say what to change: make mutate PACKAGE=chalicelib/domain/conflicts.py))
	$(VENV)/pip install -q -r requirements-mutation.txt
	$(VENV)/python -m tests.mutation --workers $(WORKERS) $(PACKAGE)

check: setup
	echo "Format, lint, types, direction of imports ..."
	$(VENV)/ruff format --check --quiet .
	$(VENV)/ruff check --quiet .
	$(VENV)/mypy
	PYTHONPATH=. $(VENV)/lint-imports

format: setup
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

bench: setup
	$(VENV)/python -m bench

plugin-check: setup
	$(if $(NAME),,$(error say which plugins: make plugin-check NAME=rtt))
	$(VENV)/python -m local.plugin_check $(NAME)

soak: setup
	echo "Any input to plugins, ten thousand times each ..."
	HYPOTHESIS_PROFILE=thorough $(VENV)/python -m pytest -q -n $(WORKERS) tests/plugins/test_fuzzing.py tests/api/pages/test_any_task.py
	echo "Histories of many nodes in trouble, judged ..."
	HISTORY_SOAK=1 HISTORY_SEEDS=100 $(VENV)/python -m pytest -q -n $(WORKERS) tests/acceptance/test_history.py
	HISTORY_SEEDS=1 HISTORY_NODES=20 HISTORY_TASKS=200 $(VENV)/python -m pytest -q tests/acceptance/test_history.py -k whatever
	echo "Booking, alone and by sixteen planners, against a brute-force model: 100,000 steps each ..."
	MODEL_STEPS=100000 $(VENV)/python -m pytest -q -n $(WORKERS) -o timeout=7200 \
		tests/domain/test_conflicts_against_a_model.py tests/acceptance/test_timeline_against_a_model.py
	echo "The engine: 50,000 requests beside each emulator, 300 kills ..."
	ENGINE_STEPS=50000 ENGINE_KILLS=300 $(VENV)/python -m pytest -q -n $(WORKERS) -o timeout=7200 \
		tests/engine/test_differential.py tests/engine/test_crash.py
	$(VENV)/python -m bench.soak

setup:
	command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.10 or later, or use make PYTHON=..."; exit 1; }
	$(PYTHON) local/bootstrap.py

clean:
	rm -rf .local/venv .local/ministack-venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	echo "Nodes keep their state: remove .local/node-* yourself."
