# `make` prints what there is. Works with GNU make 3.81 (macOS) and later.

# Which python makes .venv: `make PYTHON=python3.12`. Without it, whichever .venv was made with, or python3.
ifdef PYTHON
MADE := .venv/.made-$(notdir $(PYTHON))
else
MADE := .venv/.made
PYTHON := python3
endif

PY := .venv/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
COURSE := .venv/.course
TESTS := .venv/.tests

.PHONY: help course lesson lab test bench doctor clean setup
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  The first one that needs it makes .venv and installs into it: some minutes, once."

course: $(COURSE) ## run every lesson in local, write build/course/index.html (DATA=folder of your own rows)
	@$(PY) code/run_course.py $(if $(DATA),--data "$(DATA)")

lesson: $(COURSE) ## run one lesson the same way: make lesson N=04
	@test -n "$(N)" || { echo 'Which lesson? For example: make lesson N=04'; exit 2; }
	@$(PY) code/run_course.py --only "$(N)" --keep $(if $(DATA),--data "$(DATA)")

lab: $(COURSE) ## open the lessons in JupyterLab, with the local AWS up (ARGS=--no-browser for its own options)
	@PYTHONPATH=code $(PY) -c 'import tuneaws.session as s; print("The AWS of this machine:", s.connect(where="local").url, "(stays up; make clean ends it)")'
	@$(PY) -m jupyterlab --ip=127.0.0.1 --notebook-dir=notebooks $(ARGS)

test: $(TESTS) ## run all tests on two workers (ARGS="-k name" for pytest, "-n0" for one)
	@$(PY) tests/environments.py
	@$(PY) -m ruff check .
	@$(PY) -m pytest -n 2 --dist loadfile --durations=10 $(ARGS)

bench: $(COURSE) ## measure pocketaws, the lessons and the trainer here (ARGS="--only calls" for one section)
	@$(PY) benchmarks/run.py $(if $(DATA),--data "$(DATA)") $(ARGS)

doctor: $(COURSE) ## say what would stop a lesson here, and how to mend it (ARGS="--where aws" for your account)
	@$(PY) code/doctor.py $(ARGS)

clean: ## list what the course left here, or with WHERE=aws in your account; ask; remove it (ARGS=--yes)
	@$(if $(wildcard $(PY)),$(PY),$(PYTHON)) code/clean.py $(if $(WHERE),--where $(WHERE)) $(ARGS)

setup: $(COURSE) ## only make .venv and install what the lessons need

# A stamp is touched last: an install that was cut off is done again.
$(MADE):
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON) here. Name yours: make PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); ok or print("$(PYTHON) is Python", sys.version.split()[0] + "; the course runs on 3.10 to 3.13. Name another: make PYTHON=python3.12"); sys.exit(not ok)'
	@rm -rf .venv
	@"$(PYTHON)" -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@touch .venv/.made ".venv/.made-$(notdir $(PYTHON))"

$(COURSE): requirements-sagemaker.txt code/pocketaws/requirements.txt constraints.txt $(MADE)
	@echo "Installing what the lessons need into .venv; this takes some minutes, once."
	@rm -f $@
	@$(PIP) --requirement requirements-sagemaker.txt
	@touch $@

$(TESTS): tests/requirements.txt $(COURSE)
	@rm -f $@
	@$(PIP) --requirement tests/requirements.txt
	@touch $@
