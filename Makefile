# roost: `make demo` shows it, `make test` runs every test. Both make .venv first.
# `make help` lists the rest.

RUN := .venv/bin/
PYTEST := $(RUN)python -m pytest
# Most tests wait for processes: two files at a time take little more than half the time.
PARALLEL := -n 2 --dist loadfile

.PHONY: help demo test check format integration system bench fuzz clean prepare

help:
	@echo "make demo         boot the example server falcon: it waits for its passphrase"
	@echo "make test         all tests (check, integration, system)"
	@echo "make check        format, lint, types, unit and property tests"
	@echo "make integration  real processes in temporary roots; every corpus manifest"
	@echo "make system       the demo and whole boots, as a user runs them"
	@echo "make bench        figures against Supervisor, one JSON line each"
	@echo "make fuzz         every reader against libFuzzer for a minute each (FUZZ_SECONDS=60)"
	@echo "make format       reformat the sources"
	@echo "make clean        remove what was made"

prepare:
	@tools/prepare dev

demo:
	@tools/prepare run
	@$(RUN)python examples/falcon/demo.py

test: check integration system

check: prepare
	$(RUN)ruff format --check src tests bench fuzz examples
	$(RUN)ruff check src tests bench fuzz examples
	$(RUN)mypy
	$(PYTEST) $(PARALLEL) tests/unit tests/property

integration: prepare
	$(PYTEST) $(PARALLEL) tests/integration

system: prepare
	$(PYTEST) tests/system

bench:
	@tools/prepare bench
	@$(RUN)python -m bench

fuzz:
	@tools/prepare fuzz
	@$(RUN)python -m fuzz --seconds $(or $(FUZZ_SECONDS),60)

format: prepare
	$(RUN)ruff format src tests bench fuzz examples
	$(RUN)ruff check --fix src tests bench fuzz examples

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -rf src/roost.egg-info
