# make demo: the whole story on the bundled model; make test: linters and tests.
# Both set up .venv first, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint pytest clean

demo: $(VENV)/demo.stamp
	$(BIN)/psqlm demo --out demo-output

test: lint pytest

pytest: $(VENV)/test.stamp
	$(BIN)/python -m pytest

# mypy reads the package as it is installed, for the folders at the top are parts of psqlm;
# sqlfluff reads the bodies of SQL functions too, which are mere text to it otherwise
lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/lib build/bodies
	$(BIN)/python -c "import setuptools; setuptools.setup()" --quiet build_py --build-lib build/lib 2>/dev/null
	cd build/lib && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache -p psqlm
	$(BIN)/python tools/sql_bodies.py build/bodies
	$(BIN)/sqlfluff lint --disable-progress-bar sql build/bodies

clean:
	rm -rf $(VENV) build dist demo-output *.egg-info
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/demo.stamp
