"""Spark with executors of their own, on this machine, and a watch on what they leave behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark.cluster import CONF, wait_until_nothing_is_left

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session", autouse=True)
def scratch(server_dsn: str) -> Iterator[Path]:
    """The folder of all temporary files, so that what is left behind is seen.

    The server that results are compared with is not there: it was started before.
    """
    pytest.importorskip("pyspark", reason="Spark is missing: make test-spark installs it")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java")
    # not under pytest's own temporary folder: root's server runs as another user
    folder = Path(tempfile.mkdtemp(prefix="psqlm-s-", dir="/tmp"))
    folder.chmod(0o711)
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    yield folder
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before
    tempfile.tempdir = None
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(scratch: Path) -> Iterator[SparkSession]:
    """Two executors, each a Java process with one core."""
    from psqlm.spark.session import open_session
    from psqlm.spark.setup import make_setup

    session = open_session(make_setup("demo"), "local-cluster[2,1,1024]", CONF)
    yield session
    session.stop()
    wait_until_nothing_is_left(scratch)
