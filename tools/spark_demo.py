"""The tales on Spark: two executors, one of them killed on the way, the same numbers.

make spark-demo runs it. The folder that it writes stays, to be asked in DuckDB, pandas or Spark.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import psutil
import psycopg
from psycopg import sql
from rich.console import Console

from psqlm import loader
from psqlm.database import connect
from psqlm.database.server import EmbeddedServer
from psqlm.errors import PsqlmError
from psqlm.parquet.bring import bring
from psqlm.parquet.manifest import UNFINISHED
from psqlm.runs.texts import split
from psqlm.spark.job import Corpus, run
from psqlm.spark.rows import Capture
from psqlm.spark.session import open_session
from psqlm.spark.setup import make_setup

TALES = Path(__file__).resolve().parents[1] / "docs" / "tales.txt"

DIFFERENCES = """
    SELECT count(*)
    FROM lm.attention_adjustment AS a
    INNER JOIN lm.run AS r ON r.run_id = a.run_id
    INNER JOIN lm.run AS s ON s.prompt = r.prompt AND s.run_id = ANY (%(single)s)
    LEFT JOIN lm.attention_adjustment AS b
        ON b.run_id = s.run_id AND b.layer = a.layer AND b.position = a.position
    WHERE a.run_id = ANY (%(spark)s) AND a.adjustment::text IS DISTINCT FROM b.adjustment::text
"""
"""Rows of the executors that are not, to the last bit, those of the single server."""

SAY = partial(Console(highlight=False, markup=False).print, soft_wrap=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("spark-demo-output"))
    folder = parser.parse_args().out
    shutil.rmtree(folder, ignore_errors=True)
    out, figures = folder / "lake", folder / "figures"
    setup = make_setup("demo")
    spark = open_session(setup, "local-cluster[2,1,1024]", {"spark.ui.enabled": "false"})
    killed: list[int] = []
    SAY(
        "two executors, each with a database of its own; the texts are the "
        f"{len(_texts())} paragraphs of {TALES.name}"
    )
    assassin = Thread(target=_kill_one, args=(out, killed), daemon=True)
    assassin.start()
    try:
        outcome = run(
            spark,
            Corpus(str(TALES), each="paragraph"),
            str(out),
            setup,
            Capture("demo", ("attn_out",)),
        )
    finally:
        spark.stop()
    SAY(
        f"{outcome.n_texts} texts, {outcome.n_tokens:,} tokens in {outcome.seconds:.0f} s, "
        f"the kill and a new executor included, are in {out}"
    )
    if not killed:
        raise PsqlmError("no executor was killed: the job was too quick for it; once more")
    home = Path(tempfile.mkdtemp(prefix="psqlm-demo-"))
    home.chmod(0o711)
    server = EmbeddedServer(home)
    try:
        dsn = server.start()
        with connect(dsn) as connection:
            _analyze(out, figures, dsn)
            _compare(connection, out, figures)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _texts() -> list[str]:
    return [part.text for part in split(TALES.read_text(), "paragraph")]


def _kill_one(out: Path, killed: list[int]) -> None:
    """Kill an executor as soon as a task has begun to write."""
    while not any((out / UNFINISHED).glob("*/*/*.parquet")):
        time.sleep(0.05)
    executors = [process for process in psutil.Process().children(recursive=True) if _is(process)]
    executors[0].kill()
    killed.append(executors[0].pid)
    SAY(f"kill -9 {executors[0].pid}: an executor, in mid-task")


def _is(process: psutil.Process) -> bool:
    """Whether a process is an executor."""
    try:
        return any(word.endswith("CoarseGrainedExecutorBackend") for word in process.cmdline())
    except psutil.Error:
        return False  # it has just ended


def _compare(connection: psycopg.Connection, out: Path, figures: Path) -> None:
    """Bring the folder home, run the same texts here, and hold one against the other."""
    loader.load(connection, "demo")
    brought = bring(connection, out)
    with connection.transaction():
        single = [
            run_id
            for (run_id,) in connection.execute(
                "SELECT run_id FROM lm.forward_many(%s)", (_texts(),)
            )
        ]
    runs = {"spark": brought.run_ids, "single": single}
    (n_rows,) = connection.execute(
        "SELECT count(*) FROM lm.attention_adjustment WHERE run_id = ANY (%(spark)s)", runs
    ).fetchone() or (0,)
    (n_different,) = connection.execute(DIFFERENCES, runs).fetchone() or (None,)
    SAY(f"of {n_rows:,} vectors {n_different} differ from those of one server, to the last bit")
    furthest = _furthest(connection, figures / "coefficients.csv", single)
    SAY(f"that regression and lm.lag_ols of one server differ by {furthest:.1g} at most")
    if n_different != 0 or len(brought.run_ids) != len(single) or furthest > 1e-9:
        raise PsqlmError("the executors' rows are not those of one server")
    SAY("the same rows, whoever ran them and was killed")


def _analyze(lake: Path, figures: Path, dsn: str) -> None:
    """The regression, by Spark from the files that the executors wrote: a command of the shell."""
    words = ["spark", "analyze", str(lake), "--engine", "spark", "--master", "local[2]"]
    SAY(f"\npsqlm {' '.join(words)}")
    command = [sys.executable, "-m", "psqlm", *words, "--out", str(figures), "--dsn", dsn]
    subprocess.run(command, check=True)
    SAY("")


def _furthest(connection: psycopg.Connection, coefficients: Path, runs: list[int]) -> float:
    """How far the numbers of a regression are, at most, from those that lm.lag_ols finds."""
    found = pd.read_csv(coefficients)  # the columns of lm.lag_ols, but for t
    columns = sql.SQL(", ").join(map(sql.Identifier, found.columns))
    query = sql.SQL("SELECT {} FROM lm.lag_ols(%s) ORDER BY layer").format(columns)
    ours = np.array(connection.execute(query, (runs,)).fetchall(), float)
    return float(abs(found.to_numpy() - ours).max())


if __name__ == "__main__":
    main()
