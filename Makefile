# make run    a node on this machine, http://127.0.0.1:8000/pscheduler/, until Ctrl-C
# make test   everything that is checked, from nothing
# make quick  the tests of rules, services, stores and pages, in less than 90 s
# make mutate PACKAGE=chalicelib/store    changes the code, and shows the changes that no test notices;
#             SAMPLE=60 tries so many of them
# make cost   what a mesh of twenty hosts costs on AWS, played in simulated time
# make permissions    has all tests run, and what functions did in them be what they may
# make plugin-check NAME=rtt    looks a plugin over
# make deploy STAGE=name    puts a node on AWS, or changes it: says what it would do, and asks
# make undeploy STAGE=name    removes it; what holds data stays
# make agent  an agent beside that node, measuring for http://agent.localhost:8000/pscheduler/, until Ctrl-C
# make wheel  the agent as a wheel, in dist/
# make fleet  a coordinator and three agents behind NAT, in network namespaces (root)
# make backup TO=folder    a copy of a node's state, made while it runs
# Variables of run: PORT ADDRESS STATE ENGINE=sqlite|moto TLS=1 FIRST=0 PROCESSES=1

PYTHON ?= python3
PORT ?= 8000
ADDRESS ?= 127.0.0.1
STATE ?=
ENGINE ?= sqlite
TLS ?=
FIRST ?= 1
PROCESSES ?=
WORKERS ?= 6

# Three times as many as processors, since many tests wait; a file to each, so that what it sets up is set up
# once, in the order of tests/conftest.py.
FILES = --dist loadfile --no-loadscope-reorder
PARALLEL = -n $(WORKERS) $(FILES)

# Sets up what it is told, and becomes Python with it: what runs keeps its environment when another is made.
WITH := $(PYTHON) local/bootstrap.py
DEV := $(WITH) dev
quoted = '$(subst ','\'',$(1))'
# What is compiled is kept, whatever is usual here: without, each of the many processes compiles all anew.
export PYTHONDONTWRITEBYTECODE :=
export MINISTACK_PYTHON ?= $(CURDIR)/.local/ministack-venv/bin/python

# Not by its own name: a line that has it is run even where make is only to say what it would do.
AGAIN := $(MAKE)

.PHONY: run deploy undeploy backup test permissions quick mutate check format bench cost soak attack plugin-check setup python clean
.SILENT:

run: python
	exec $(WITH) $(if $(filter moto,$(ENGINE)),moto,$(if $(filter ministack,$(ENGINE)),node ministack,node)) \
		-m local.node --port $(call quoted,$(PORT)) --address $(call quoted,$(ADDRESS)) \
		$(if $(STATE),--state $(call quoted,$(STATE))) --engine $(call quoted,$(ENGINE)) \
		$(if $(PROCESSES),--processes $(call quoted,$(PROCESSES))) \
		$(if $(filter-out 0 no,$(TLS)),--tls) $(if $(filter 0 no,$(FIRST)),--no-first)

agent: python
	exec $(WITH) node -m local.agent --port $(call quoted,$(PORT)) --address $(call quoted,$(ADDRESS)) \
		$(if $(STATE),--state $(call quoted,$(STATE))) $(if $(filter-out 0 no,$(TLS)),--tls)

wheel: setup
	$(DEV) -m agent.packaging.build dist

fleet: setup
	$(DEV) -m pytest -q tests/fleet

backup: python
	$(if $(TO),,$(error say where to: make backup TO=folder))
	$(WITH) node -m local.backup $(if $(STATE),--state $(call quoted,$(STATE))) $(call quoted,$(TO))

deploy undeploy: python
	$(if $(STAGE),,$(error say which: make $@ STAGE=pscheduler))
	exec $(WITH) deploy -m local.deploy $(call quoted,$(STAGE)) $(if $(filter undeploy,$@),--remove) $(if $(YES),--yes)

# The types keep one processor busy for a minute: beside the tests, whose files are compiled meanwhile where they
# never were, once instead of by each process.
test: setup
	echo "Tests, and beside them format, lint, types, direction of imports ..."
	said=$$(mktemp); \
	( $(AGAIN) --no-print-directory check >$$said 2>&1 || { cat $$said; exit 1; } ) & checks=$$!; \
	[ -d tests/__pycache__ ] || $(DEV) -m pytest -q --collect-only >/dev/null; \
	$(DEV) -m pytest -q $(PARALLEL) --permissions=check; code=$$?; \
	wait $$checks || code=1; cat $$said; rm $$said; exit $$code

permissions: setup
	$(DEV) -m pytest -q $(PARALLEL) --permissions=write
	$(DEV) -m local.deployment

# None of these waits, and each process collects them all.
quick: setup
	HYPOTHESIS_PROFILE=quick MODEL_STEPS=2000 TEST_ENGINE=sqlite $(DEV) -m pytest -q -n 3 $(FILES) \
		tests/domain tests/service tests/store tests/api

mutate: setup
	$(if $(PACKAGE),,$(error say what to change: make mutate PACKAGE=chalicelib/domain/conflicts.py))
	$(DEV) -m pip install -q -r requirements-mutation.txt
	$(DEV) -m tests.mutation --workers $(WORKERS) $(if $(SAMPLE),--sample $(SAMPLE) --seconds 120) $(PACKAGE)

check: setup
	echo "Format, lint, types, direction of imports ..."
	$(DEV) -m ruff format --check --quiet .
	$(DEV) -m ruff check --quiet .
	$(DEV) -m mypy
	PYTHONPATH=. .local/venv/bin/lint-imports

format: setup
	$(DEV) -m ruff format .
	$(DEV) -m ruff check --fix .

bench: setup
	$(DEV) -m bench

cost: setup
	$(DEV) -m bench mesh-cost

plugin-check: setup
	$(if $(NAME),,$(error say which plugins: make plugin-check NAME=rtt))
	$(DEV) -m local.plugin_check $(NAME)

soak: setup
	echo "Any input to plugins, thirty thousand times each ..."
	HYPOTHESIS_PROFILE=thorough $(DEV) -m pytest -q -n $(WORKERS) tests/plugins/test_fuzzing.py tests/api/pages/test_any_task.py
	echo "Histories of many nodes in trouble, judged ..."
	HISTORY_SOAK=1 HISTORY_SEEDS=100 $(DEV) -m pytest -q -n $(WORKERS) tests/acceptance/test_history.py
	HISTORY_SEEDS=1 HISTORY_NODES=20 HISTORY_TASKS=200 $(DEV) -m pytest -q tests/acceptance/test_history.py -k whatever
	echo "Booking, alone and by sixteen planners, against a brute-force model: 100,000 steps each ..."
	MODEL_STEPS=100000 $(DEV) -m pytest -q -n $(WORKERS) -o timeout=7200 \
		tests/domain/test_conflicts_against_a_model.py tests/acceptance/test_timeline_against_a_model.py
	echo "The engine: 50,000 requests beside each emulator, 300 kills ..."
	ENGINE_STEPS=50000 ENGINE_KILLS=300 $(DEV) -m pytest -q -n $(WORKERS) -o timeout=7200 \
		tests/engine/test_differential.py tests/engine/test_crash.py
	echo "Long tests of what is stored, on moto as well, and all pages on that ..."
	TEST_ENGINE=both $(DEV) -m pytest -q -n $(WORKERS) -m embedded_only tests/store tests/service
	TEST_ENGINE=moto $(DEV) -m pytest -q -n $(WORKERS) tests/api
	echo "A node killed twenty times while tasks are posted, planned and run ..."
	NODE_KILLS=20 $(DEV) -m pytest -q tests/acceptance/test_crash_under_load.py
	echo "Agents without a network for five minutes, and other trouble ..."
	FLEET_CUT=300 $(DEV) -m pytest -q tests/fleet
	$(DEV) -m bench.soak
	$(DEV) -m bench.attack

attack: python
	$(WITH) dev
	$(DEV) -m bench.attack

setup: python
	$(WITH) dev ministack

python:
	command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.10 or later, or use make PYTHON=..."; exit 1; }

clean:
	rm -rf .local/environments .local/venv .local/ministack-venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	echo "Nodes keep their state: remove .local/node-* yourself."
