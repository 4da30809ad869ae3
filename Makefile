# make demo: the whole story on the bundled model; make test: linters and tests; make test-large:
# models of true sizes and widths, which take minutes; make test-trust: faults by the hundred, bad input
# by the thousand, long corpora; make test-spark: executors killed; make spark-demo: Spark on the
# tales. All set up .venv first, once.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: demo test test-large test-trust test-spark spark-demo lint ruff package mypy imports sqlfluff audit pytest clean

demo: $(VENV)/demo.stamp
	$(BIN)/psqlm demo --out demo-output

test: lint pytest

test-large: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m large

# all of it, with what the usual run takes of it; -s: each prints its totals
test-trust: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/trust -m "" -s

# Spark with executors of its own on this machine; KILLS: how many of their processes are killed
KILLS := 20
test-spark: $(VENV)/test.stamp $(VENV)/spark.stamp
	PSQLM_TEST_SPARK_KILLS=$(KILLS) $(BIN)/python -m pytest tests/spark tests/test_lake.py -m spark -s

spark-demo: $(VENV)/spark.stamp
	$(BIN)/python tools/spark_demo.py

# ruff's rules S are bandit's checks: bandit itself would find the same once more
lint: ruff mypy imports sqlfluff audit

ruff: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# the package as it is installed: the folders at the top are parts of psqlm
package: $(VENV)/test.stamp
	rm -rf build/lib
	$(BIN)/python -c "import setuptools; setuptools.setup()" --quiet build_py --build-lib build/lib

mypy: package
	cd build/lib && $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p psqlm

# which part may import which; pyproject.toml lists the layers
imports: package
	cd build/lib && $(BIN)/lint-imports $(CURDIR)/pyproject.toml --no-cache

sqlfluff: $(VENV)/test.stamp
	$(BIN)/sqlfluff lint --disable-progress-bar sql
	$(BIN)/sqlfluff lint --disable-progress-bar --templater placeholder psqlm/view/statements
	$(BIN)/sqlfluff lint --disable-progress-bar psqlm/lake/statements psqlm/lake/views/postgresql.sql
	$(BIN)/sqlfluff lint --disable-progress-bar --dialect duckdb psqlm/lake/statements psqlm/lake/views/duckdb.sql
	$(BIN)/sqlfluff lint --disable-progress-bar --dialect sparksql psqlm/lake/statements psqlm/lake/views/spark.sql

# what is known of the versions in use; where the index does not answer, it says so and goes on
audit: $(VENV)/test.stamp
	$(BIN)/python tools/audit.py

# the tests of a file stay together, for they share databases; the processes leave PyTorch one core each
pytest: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

clean:
	rm -rf $(VENV) build dist demo-output *.egg-info
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) '.[view]'
	touch $@

$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) '.[dev]'
	touch $@ $(VENV)/demo.stamp

$(VENV)/spark.stamp: pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) '.[spark]'
	touch $@
