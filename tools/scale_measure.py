"""Measures what tools/scale.py takes for granted, and writes it into docs/scale.json.

    python tools/scale_measure.py             # all of it, some ten minutes
    python tools/scale_measure.py --only pass

A pass is that of a model of the true shape with random weights, in one process of PostgreSQL, as a
task on a cluster has one. Take the figures of a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psutil
import psycopg
from simulation import PARAMETERS

from psqlm import database, lake, loader
from psqlm.database.server import EmbeddedServer
from psqlm.parquet.export import export
from psqlm.parquet.layout import Model, Plan
from psqlm.parquet.manifest import File, Manifest
from psqlm.synth import synth

MODELS = ("gpt2", "smollm2-135m")
LENGTH = 128
"""Tokens of a text."""
TEXTS = 4
ROUNDS = 5
N_LAYER = 12
START = """
import time, sys
began = time.monotonic()
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.range(1).count()
print(time.monotonic() - began)
"""

Entry = dict[str, Any]


def entry(value: float, unit: str, source: str) -> Entry:
    """A number with what it is and how it was taken, to three digits."""
    return {"value": float(f"{value:.3g}"), "unit": unit, "from": source}


def measure_passes(folder: Path, said: dict[str, Any]) -> None:
    """Starts of a database, loads, tokens per second, bytes per token."""
    server = EmbeddedServer(folder / "server")
    began = time.monotonic()
    dsn = server.start()
    try:
        database.connect(dsn).close()
        seconds = time.monotonic() - began
        said["common"]["server_start"] = entry(
            seconds, "s", "a new embedded server, until lm is installed"
        )
        for model in MODELS:
            synth(model, folder / model)
            with database.connect(dsn) as connection:
                said["models"][model] = measure_model(connection, folder, model)
            print(model, json.dumps(said["models"][model], indent=1), flush=True)
    finally:
        server.stop()


def measure_model(connection: psycopg.Connection, folder: Path, model: str) -> dict[str, Entry]:
    """What a model costs to load and to run."""
    backend = psutil.Process(connection.info.backend_pid)
    began = time.monotonic()
    loader.load(connection, str(folder / model), model)
    connection.commit()
    load = time.monotonic() - began
    connection.execute("SET max_parallel_workers_per_gather = 0")
    connection.commit()
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_proc WHERE oid = to_regproc('lm.forward_rows'))"
    ).fetchone()
    passes = forward_rows if row and row[0] else forward_many
    rates = []
    for number in range(ROUNDS + 1):
        texts = prompts(connection, model, number)
        began = processor_time(backend)
        passes(connection, model, texts)
        seconds = processor_time(backend) - began
        rates.append(count_tokens(connection, model, texts) / seconds)
        connection.rollback()
    rates = rates[1:]  # the first reads the weights
    how = f"median of {ROUNDS} passes of {TEXTS} texts of {LENGTH} tokens, lm.{passes.__name__}"
    found = {
        "tokens_per_second": entry(
            statistics.median(rates), "1/s", f"{how}, attn_out, by the processor's time of a core"
        ),
        "spread": entry(
            statistics.stdev(map(math.log, rates)), "", "of the logarithm of these times"
        ),
        "model_load": entry(load, "s", "psqlm load of the folder, float32"),
    }
    connection.execute("SELECT lm.forward_many(%s, %s)", (prompts(connection, model, 99), model))
    connection.commit()
    for dtype in ("float32", "float16"):
        out = folder / f"{model}-{dtype}"
        exported = export(connection, "all", out, model, dtype)
        n_tokens = sum(run.n_tokens for runs in exported.runs.values() for run in runs)
        name = "bytes_per_token" if dtype == "float16" else "bytes_per_token_float32"
        found[name] = entry(
            exported.n_bytes / n_tokens, "B", f"psqlm export --dtype {dtype}, attn_out"
        )
    connection.execute("SELECT lm.drop_runs(ARRAY(SELECT run_id FROM lm.run))")
    connection.commit()
    return found


def prompts(connection: psycopg.Connection, model: str, seed: int) -> list[str]:
    """Texts of so many tokens, none of which was run before."""
    row = connection.execute(
        "SELECT setseed(%s::float8), min(m.n_vocab) FROM lm.model AS m WHERE m.name = %s",
        (seed / 100, model),
    ).fetchone()
    assert row  # noqa: S101 (an aggregate)
    rows = connection.execute(
        """
        SELECT lm.decode(array_agg(v.token_id ORDER BY random()), %(model)s)
        FROM generate_series(1, %(texts)s) AS t (text)
        CROSS JOIN LATERAL (
            SELECT v.token_id, t.text FROM lm.vocabulary AS v INNER JOIN lm.model AS m
                USING (model_id)
            WHERE m.name = %(model)s AND v.token ~ '^ ?[a-z]+$' ORDER BY random() LIMIT %(length)s
        ) AS v
        GROUP BY t.text
        """,
        {"model": model, "texts": TEXTS, "length": LENGTH},
    ).fetchall()
    return [text for (text,) in rows]


def processor_time(process: psutil.Process) -> float:
    """Seconds of a core that a process has had: what else runs does not count."""
    times = process.cpu_times()
    return float(times.user + times.system)


def forward_rows(connection: psycopg.Connection, model: str, texts: list[str]) -> None:
    """Run them as a task does, and take the rows."""
    query = psycopg.ClientCursor(connection).mogrify(
        "COPY (SELECT * FROM lm.forward_rows(%s, %s)) TO STDOUT (FORMAT binary)", (texts, model)
    )
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for _ in copy:
            pass


def forward_many(connection: psycopg.Connection, model: str, texts: list[str]) -> None:
    """The same with rows that are stored, in a transaction that is rolled back."""
    connection.execute("SELECT lm.forward_many(%s, %s)", (texts, model))


def count_tokens(connection: psycopg.Connection, model: str, texts: list[str]) -> int:
    """How many tokens texts have."""
    row = connection.execute(
        "SELECT sum(cardinality(lm.encode(t.text, %s))) FROM unnest(%s::text[]) AS t (text)",
        (model, texts),
    ).fetchone()
    return int(row[0]) if row else 0


def measure_jvm(folder: Path, said: dict[str, Any]) -> None:
    """How long it takes until Spark answers."""
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", START], capture_output=True, text=True, check=True
            ).stdout.split()[-1]
        )
        for _ in range(3)
    ]
    said["common"]["jvm_start"] = entry(
        statistics.median(times), "s", "median of 3 sessions of local[1], until a job is done"
    )


def measure_analysis(folder: Path, said: dict[str, Any]) -> None:
    """How many tokens per second the lag regression reads, and what of them Spark shuffles."""
    n_texts, length = 400, 500
    write_norms(folder / "norms", n_texts, length)
    n_tokens = n_texts * length
    with lake.open(str(folder / "norms")) as opened:
        opened.query("SET threads = 1")
        seconds = quickest(lambda: opened.ask("lag_moments"))
    how = f"{n_tokens:,} tokens of {N_LAYER} layers, local files, the statement lag_moments"
    said["common"]["analysis_rate_duckdb"] = entry(
        n_tokens / seconds, "tokens/(s core)", f"{how}, one thread"
    )
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.log.level", "ERROR")
        .config("spark.ui.port", "0")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    with lake.open(str(folder / "norms"), session=spark) as opened:
        seconds = quickest(lambda: opened.ask("lag_moments"))
    written = shuffled(spark)
    spark.stop()
    said["common"]["analysis_rate"] = entry(
        n_tokens / seconds, "tokens/(s core)", f"{how}, Spark with one core"
    )
    said["common"]["shuffle"] = entry(
        written / n_tokens, "B/token", "written by Spark's largest stage of it"
    )


def quickest(ask: Callable[[], object]) -> float:
    """The shortest of three times, after one that warms up."""
    times = []
    for _ in range(4):
        began = time.monotonic()
        ask()
        times.append(time.monotonic() - began)
    return min(times[1:])


def shuffled(spark: Any) -> int:
    """The most bytes that a stage has written for others, as Spark's pages tell."""
    from urllib.request import urlopen

    address = f"{spark.sparkContext.uiWebUrl}/api/v1/applications"
    with urlopen(f"{address}/{spark.sparkContext.applicationId}/stages") as answer:  # noqa: S310
        return max(int(stage["shuffleWriteBytes"]) for stage in json.load(answer))


def write_norms(folder: Path, n_texts: int, length: int) -> None:
    """An export with norms at random, and vectors of one number: only norms are read."""
    model = Model("gpt2", "gpt2", None, "", "float32")
    plan = Plan(model, ("attn_out",), None, None, None, None, "float32")
    texts = f"(SELECT left(sha256('text' || range), 32) AS text_id FROM range({n_texts}))"  # noqa: S608
    queries = {
        plan.folder("text"): f"""
            SELECT text_id, 'text' AS text, NULL::VARCHAR AS source, NULL::INT AS line,
                {length}::INT AS n_tokens, NULL::VARCHAR AS left_out, now() AS started_at,
                1::DOUBLE AS seconds
            FROM {texts}
        """,  # noqa: S608
        plan.folder("activation", "attn_out"): f"""
            SELECT text_id, l.range::INT AS layer, -1::INT AS head, p.range::INT AS position,
                1::INT AS token_id, exp(random()) AS norm, [random()::FLOAT] AS value
            FROM {texts}, range({N_LAYER}) AS l, range({length}) AS p
            ORDER BY text_id, layer, position
        """,  # noqa: S608
    }
    files = {}
    for path, query in queries.items():
        target = folder / path / "part-00000.parquet"
        target.parent.mkdir(parents=True)
        duckdb.sql(query).write_parquet(str(target), compression="zstd", row_group_size=20_000)
        n_rows = duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall()[0][0]  # noqa: S608
        files[f"{path}/{target.name}"] = File(n_rows, target.stat().st_size, None)
    Manifest({"psqlm": "", "duckdb": duckdb.__version__}, {plan.key(): plan}, files).write(folder)


PARTS = {"pass": measure_passes, "jvm": measure_jvm, "analysis": measure_analysis}


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS)
    only = parser.parse_args().only
    if shutil.which("java") is None and only != "pass":
        sys.exit("no java: take --only pass")
    for name, part in PARTS.items():
        if only not in (None, name):
            continue
        # root's server runs as another user
        with tempfile.TemporaryDirectory(prefix="psqlm-scale-") as temporary:
            folder = Path(temporary)
            folder.chmod(0o711)
            load = os.getloadavg()[0]
            found: dict[str, Any] = {"common": {}, "models": {}}
            part(folder, found)
            found["taken"] = {name: f"{os.cpu_count()} cores, load average before: {load:.1f}"}
            parameters = json.loads(PARAMETERS.read_text("utf-8"))
            for key, entries in found.items():
                parameters["measured"].setdefault(key, {}).update(entries)
            text = json.dumps(parameters, indent=1, ensure_ascii=False)
            PARAMETERS.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
