"""Without Spark or Java psqlm says so in one line, and nothing else of it needs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from psqlm.errors import PsqlmError
from psqlm.spark import requirements


def test_nothing_is_imported_without_it() -> None:
    modules = "psqlm, psqlm.cli, psqlm.spark, psqlm.spark.job, psqlm.spark.functions"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print('pyspark' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"


def run(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with a pyspark that is no more than its name and version."""
    fake = tmp_path / "pyspark"
    fake.mkdir(exist_ok=True)
    (fake / "__init__.py").write_text("")
    (fake / "sql.py").write_text(
        "class SparkSession:\n    getActiveSession = staticmethod(lambda: None)\n"
    )
    (fake / "__init__.py").write_text(f"__version__ = '{environment.pop('version', '4.1.0')}'\n")
    return subprocess.run(
        [sys.executable, "-m", "psqlm", "spark", "run", "--texts", "t.txt", "--out", "lake"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path), **environment},
        cwd=tmp_path,
    )


def test_java_is_missing(tmp_path: Path) -> None:
    said = run(tmp_path, PATH=str(tmp_path))
    assert said.returncode == 1
    assert said.stderr == (
        "psqlm: Spark needs Java, and there is none: install Java 17 or 21 "
        "(apt install openjdk-17-jre-headless), or set JAVA_HOME to one\n"
    )


def test_java_is_too_old(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    said = run(tmp_path, JAVA_HOME=str(tmp_path))
    assert (said.returncode, said.stderr.count("\n")) == (1, 1)
    assert said.stderr.startswith("psqlm: Java 8 is too old for Spark 4: install Java 17 or 21")


def test_pyspark_is_too_old(tmp_path: Path) -> None:
    said = run(tmp_path, version="4.0.1")
    assert said.stderr == (
        "psqlm: pyspark 4.0.1 is too old, 4.1 is the first that does: pip install 'psqlm[spark]'\n"
    )


def test_pyspark_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(PsqlmError, match=r"this needs Spark .*: pip install 'psqlm\[spark\]'"):
        requirements.require_pyspark()
