"""A session of Spark whose executors have room for a database."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from psqlm.errors import PsqlmError
from psqlm.spark.requirements import require_java, require_pyspark
from psqlm.spark.setup import Setup

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORKERS = 1024
"""Megabytes of an executor's Python processes, besides the database and Java's own."""


def open_session(
    setup: Setup, master: str | None = None, chosen: Mapping[str, str] | None = None
) -> SparkSession:
    """Start Spark, or take the session that spark-submit or a notebook has started.

    Args:
        setup: the model and its server, which needs memory.
        master: local[2], spark://…, yarn, k8s://…; None: as spark-submit says, or local[*].
        chosen: settings of Spark, which go before these.

    Raises:
        PsqlmError: Spark or Java is missing or too old, or Spark does not start.
    """
    require_pyspark()
    from pyspark.sql import SparkSession

    # of pandas 3, which psqlm does not hand to Spark
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    active = SparkSession.getActiveSession()
    if active is None:
        require_java()
    # else workers would run whatever python3 is on their path
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.executor.memoryOverhead": f"{setup.memory + WORKERS}m",
        # a task whose executor was killed counts as one that failed
        "spark.task.maxFailures": "16",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        **(chosen or {}),
    }
    builder = SparkSession.builder.appName("psqlm")
    if master is not None:
        builder = builder.master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:  # of py4j or of Spark, whatever it is
        reason = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise PsqlmError(f"Spark does not start: {reason}; look at --master and --conf") from error
    session.sparkContext.setLogLevel("ERROR")
    return session
