# `make help` says what there is. Everything a target needs, it sets up by itself.
.DEFAULT_GOAL := help
.PHONY: agreement help setup lab-up lab-down crash-drill nightly scenarios test check lint fuzz bug-table driver image benchmark fault-table clean

BIN := .venv/bin
PYTEST_FLAGS ?=
NIGHTLY_FLAGS ?=
FUZZ_SECONDS ?= 60
MINUTES ?= 60
SEEDS ?= 10

help:
	@echo "make lab-up      bring the lab up: packages, driver, guest image, VM, debugger, snapshot"
	@echo "make scenarios   run every scenario (brings the lab up if it is down)"
	@echo "make test        all tests, and the scenarios against a real guest"
	@echo "make check       ruff, mypy --strict and the tests that need no VM"
	@echo "make crash-drill crash and hang the guest on purpose: all must end as it should, with its evidence"
	@echo "make nightly     scenarios with many seeds, explore, crash drill, then the page (NIGHTLY_FLAGS=...)"
	@echo "make fuzz        fuzz what reads a target's bytes (FUZZ_SECONDS=60 in all)"
	@echo "make bug-table   which check finds which planted bug, how fast (SEEDS=10)"
	@echo "make lab-down    end the VM; its snapshots stay"
	@echo "make driver      build the driver and its programs into driver/build"
	@echo "make image       build the guest image unless it is in the cache (FORCE=1: anyway)"
	@echo "make image GUEST=windows ISO=Win.iso   build a Windows image from your own medium (EDITION=..., NAME=...)"
	@echo "make benchmark   measure, side by side"
	@echo "make agreement   scenarios with and without checks, and fuzzed: do the verdicts agree, with 200 seeds (MINUTES=60)"
	@echo "make fault-table plant every fault of lab.yaml: what finds it, and how fast"
	@echo "make clean       end the VM, remove what was built here (not the image cache)"

setup:
	@python3 lab/bootstrap.py

driver: setup
	@$(MAKE) --no-print-directory -s -C driver

image: setup
ifeq ($(GUEST),windows)
	@$(BIN)/lab image build windows --iso "$(ISO)" $(if $(EDITION),--edition "$(EDITION)") $(if $(NAME),--name "$(NAME)")
else
	@$(BIN)/lab image $(if $(FORCE),--force)
endif

lab-up: driver
	@$(BIN)/lab up

lab-down: setup
	@$(BIN)/lab down

scenarios: driver
	@$(BIN)/pytest scenarios $(PYTEST_FLAGS)

crash-drill: driver
	@$(BIN)/lab drill driver/drill

nightly: driver
	@$(BIN)/lab nightly --drill driver/drill $(NIGHTLY_FLAGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy

# Without its compiled files, Python compiles tests and lab anew in every process that a test starts.
check: export PYTHONDONTWRITEBYTECODE =
check: lint driver
	@$(BIN)/pytest -q -n 3 --dist loadfile -m "not vm and not slow" tests $(PYTEST_FLAGS)

# The fuzzer is no part of the environment: it is large, and not built for every platform.
fuzz: setup
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[fuzz]'
	@cd tests && ../$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

test: lint lab-up
	@python3 lab/bootstrap.py --tests
	@$(BIN)/pytest tests scenarios $(PYTEST_FLAGS) || { [ $$? = 1 ] && \
	  echo "what failed, once more: what passes now is unstable, what fails again is broken" && \
	  $(BIN)/pytest --last-failed --last-failed-no-failures none tests scenarios $(PYTEST_FLAGS); }
	@$(BIN)/lab drill driver/drill
	@$(BIN)/pytest examples $(PYTEST_FLAGS); ended=$$?; $(BIN)/lab --config examples/counter/lab.yaml down; exit $$ended

bug-table: driver
	@$(BIN)/python -m tests.bugs --seeds $(SEEDS)

agreement: driver
	@$(BIN)/python -m benchmarks.agreement --minutes $(MINUTES)

benchmark: driver
	@$(BIN)/python -m benchmarks

fault-table: driver
	@$(BIN)/lab explore --faults --minutes 2

clean:
	@if [ -x $(BIN)/lab ]; then $(BIN)/lab down; $(BIN)/lab --config examples/counter/lab.yaml down; fi
	@if command -v clang >/dev/null; then $(MAKE) --no-print-directory -s -C driver clean; fi
	rm -rf examples/*/build examples/*/.lab examples/*/artifacts
	rm -rf .venv .lab artifacts .pytest_cache .mypy_cache .ruff_cache
