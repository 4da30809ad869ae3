"""Measures psqlm on Spark on this machine: docs/spark.json, the figures of docs/spark.md.

python tools/spark_figures.py [--model FOLDER] [--texts 400]; three minutes on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from psqlm import loader
from psqlm.database import connect
from psqlm.database.server import EmbeddedServer
from psqlm.parquet.layout import DType
from psqlm.parquet.manifest import read_manifest
from psqlm.runs.corpus import run_corpus
from psqlm.runs.plan import Plan
from psqlm.runs.texts import Text
from psqlm.spark.describe import describe
from psqlm.spark.job import Corpus, run
from psqlm.spark.rows import Capture
from psqlm.spark.session import open_session
from psqlm.spark.setup import Setup, make_setup

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "spark.json"
REPEATS = 3


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--texts", type=int, default=400)
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="psqlm-figures-"))
    scratch.chmod(0o711)
    texts = _texts(given.texts)
    path = scratch / "texts.txt"
    path.write_text("\n".join(texts))
    setup = make_setup(given.model)
    figures: dict[str, Any] = {"model": setup.name, "texts": len(texts)}
    try:
        figures["one server, tokens/s"] = _one_server(scratch, given.model, setup, texts)
        for n in (1, 2):
            figures |= _on_spark(scratch, setup, path, n)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    said = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    said[setup.name] = figures
    TARGET.write_text(json.dumps(said, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _texts(n: int) -> list[str]:
    """Sentences of the tales, as often as need be, no two alike."""
    found = (ROOT / "docs" / "tales.txt").read_text().replace("\n", " ").split(". ")
    return [f"{found[i % len(found)]}, {i}." for i in range(n)]


def _one_server(scratch: Path, source: str, setup: Setup, texts: list[str]) -> dict[str, float]:
    """What psqlm run does, with one connection and with two."""
    home = scratch / "home"
    home.mkdir(mode=0o711)
    server = EmbeddedServer(home)
    rates = {}
    try:
        dsn = server.start()
        with connect(dsn) as connection:
            loader.load(connection, source, setup.name)
        for jobs in (1, 2):
            seen = []
            for repeat in range(REPEATS):
                corpus = [Text(1, f"{text} {jobs} {repeat}") for text in texts]
                outcome = run_corpus(partial(connect, dsn), corpus, Plan(), jobs)
                seen.append(outcome.n_tokens / outcome.seconds)
            rates[f"{jobs} connection{'s' if jobs > 1 else ''}"] = round(statistics.median(seen), 1)
    finally:
        server.stop()
    return rates


def _on_spark(scratch: Path, setup: Setup, path: Path, n: int) -> dict[str, Any]:
    """So many executors: until they are there, until one has the model, and tokens per second."""
    name = f"{n} executor{'s' if n > 1 else ''}"
    began = time.monotonic()
    spark = open_session(setup, f"local-cluster[{n},1,1024]", {"spark.ui.enabled": "false"})
    try:
        spark.range(0, 10).count()
        started = time.monotonic() - began
        capture = Capture(setup.name, ("attn_out",))
        began = time.monotonic()
        describe(spark, setup, capture)
        first = time.monotonic() - began
        _run(spark, setup, path, scratch / f"{n}-first", capture)  # the others have the model too
        seen = [
            _run(spark, setup, path, scratch / f"{n}-{repeat}", capture)
            for repeat in range(REPEATS)
        ]
        found: dict[str, Any] = {
            name: {
                "Java and Spark, s": round(started, 1),
                "Python, server, SQL and model, s": round(first, 1),
                "tokens/s": round(statistics.median(seen), 1),
            }
        }
        if n == 2:
            few = scratch / "few.txt"
            few.write_text("\n".join(_texts(80)))
            found["bytes per token"] = _bytes(spark, setup, few, scratch)
        return found
    finally:
        spark.stop()


def _run(
    spark: SparkSession,
    setup: Setup,
    path: Path,
    out: Path,
    capture: Capture,
    dtype: DType = "float32",
) -> float:
    outcome = run(spark, Corpus(str(path)), str(out), setup, capture, dtype)
    return outcome.n_tokens / outcome.seconds


def _bytes(
    spark: SparkSession, setup: Setup, path: Path, scratch: Path
) -> dict[str, dict[str, float]]:
    """Of each table and site, as it is written."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    dtypes: tuple[DType, ...] = ("float32", "float16")
    for dtype in dtypes:
        out = scratch / dtype
        _run(spark, setup, path, out, Capture(setup.name, ("all",)), dtype)
        sizes: dict[str, int] = defaultdict(int)
        n_tokens = 0
        for file, about in read_manifest(out).files.items():
            table = file.split("/")[0]
            sizes[file.partition("site=")[2].split("/")[0] or table] += about.bytes
            n_tokens += about.rows if table == "token" else 0
        for name, size in sizes.items():
            found[name][dtype] = round(size / n_tokens, 1)
    return dict(found)


if __name__ == "__main__":
    main()
