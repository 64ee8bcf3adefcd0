# Two commands on a fresh machine: `make demo` (the main job) and `make test` (everything).
# Each makes the virtual environment by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export TACTFUL_DATA ?= $(abspath ../shared/data)
export PYTHONHASHSEED := 0

.PHONY: demo test check format lint types contracts tests bench service clean

demo: $(VENV)/ready
	$(BIN)/tactful demo

test: lint types contracts tests

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[report,serve,channels,apprise,otel,train,dev]'
	touch $@

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

contracts: $(VENV)/ready
	$(BIN)/lint-imports

tests: $(VENV)/ready browser
	$(BIN)/pytest

# The tests of pages need a real browser; apt-get is tried once where none is there.
browser:
	command -v chromium || (apt-get update && apt-get install -y chromium)

bench: $(VENV)/ready
	$(BIN)/tactful bench

# What a server runs on, without what develops it and without torch; deploy/Dockerfile does the same.
service:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check '.[serve,channels,apprise,otel]'

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
