# make demo   install into .venv, colour examples/ into out/, write out/index.html
# make test   everything the suite needs, then format, lint, types and tests
# make slow   the long tests: thousands of damaged files
# make bench  every figure, into benchmarks/results/ and docs/performance.md: two hours
#             make bench BENCH="run formats" for some

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH ?= run formats hint batch gigapixel cluster engines video serve peers flagship fast evaluate data
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test slow bench clean

demo: $(VENV)/installed
	$(BIN)/python examples/demo.py examples out

test: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

slow: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/installed-dev
	@missed=; for one in $(BENCH); do \
		echo "== $$one"; $(BIN)/python benchmarks/$$one.py || missed="$$missed $$one"; \
	done; $(BIN)/python docs/generate.py; \
	test -z "$$missed" || { echo "a bar was missed, or something needed is not here:$$missed"; exit 1; }

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Tinct needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml
	$(PIP) --editable .
	$(BIN)/python -m compileall -q src  # as an ordinary install does: start-up is a fifth quicker
	touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml constraints-cpu.txt
	$(PIP) --constraint constraints-cpu.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q src
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) out
