# Two commands on a fresh machine: `make demo` (the main job) and `make test` (everything).
# Each makes the virtual environment by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export TACTFUL_DATA ?= $(abspath ../shared/data)
export PYTHONHASHSEED := 0

.PHONY: demo test check format lint types contracts tests java flink flink-test flink-full bench service clean

demo: $(VENV)/ready
	$(BIN)/tactful demo

test: lint types contracts tests flink-test

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

# Flink pins other versions of numpy and pyarrow than ours, so it has an environment of its own; it needs Java 17.
FLINK := .venv-flink
flink: $(FLINK)/ready

$(FLINK)/ready: pyproject.toml
	$(PYTHON) -m venv $(FLINK)
	$(FLINK)/bin/pip install --quiet --disable-pip-version-check -e '.[flink]' beartype hypothesis pytest
	touch $@

# The jobs need Java; apt-get is tried once where none is there.
java:
	test -x "$$JAVA_HOME/bin/java" || command -v java || (apt-get update && apt-get install -y openjdk-17-jre-headless) || \
	  (echo "The jobs on Flink need Java 17 or later: install it, or run make lint types contracts tests without them"; exit 1)

flink-test: $(FLINK)/ready java
	$(FLINK)/bin/pytest tests/flink

# 5,000 people instead of 500.
flink-full: $(FLINK)/ready java
	TACTFUL_FLINK_FULL=1 $(FLINK)/bin/pytest tests/flink

bench: $(VENV)/ready
	$(BIN)/tactful bench

# What a server runs on, without what develops it and without torch; deploy/Dockerfile does the same.
service:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check '.[serve,channels,apprise,otel]'

clean:
	rm -rf $(VENV) $(FLINK) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
