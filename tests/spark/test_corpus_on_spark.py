"""A corpus on Spark: what comes out is what one server says, whoever ran it and was killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from psqlm import loader
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError
from psqlm.lake import open as open_lake
from psqlm.parquet.bring import bring
from psqlm.parquet.export import export
from psqlm.parquet.manifest import read_manifest
from psqlm.spark.describe import describe
from psqlm.spark.job import Corpus, Outcome, run
from psqlm.spark.progress import Watch
from psqlm.spark.rows import Capture
from psqlm.spark.setup import make_setup, ship
from psqlm.spark.texts import kind_of
from spark import lake
from spark.chaos import Chaos
from spark.cluster import ask, command, psqlm, wait_until_nothing_is_left
from spark.corpora import TALES, sentences, short_texts, write_lines

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

SEED = int(os.environ.get("PSQLM_TEST_SPARK_SEED", "1"))
KILLS = int(os.environ.get("PSQLM_TEST_SPARK_KILLS", "20"))


def run_here(spark: SparkSession, texts: str, out: Path, **options: object) -> Outcome:
    capture = Capture("demo", options.pop("capture", ("attn_out",)))
    return run(spark, Corpus(texts), str(out), make_setup("demo"), capture, **options)


def test_left_out_texts_and_skew(
    spark: SparkSession, connection: psycopg.Connection, tmp_path: Path
) -> None:
    """A long text among 1,000 short ones, and texts that cannot be run, on two executors."""
    long = TALES.read_text()[:1850].replace("\n", " ")
    (n_long,) = connection.execute("SELECT cardinality(lm.encode(%s))", (long,)).fetchone()
    assert 450 < n_long <= 512
    short = short_texts(1000)
    too_long = "so far away " * 400
    bad = ["", "a\0b", too_long]
    texts = write_lines(tmp_path, [*short[:500], long, *bad, *short[500:], short[3]])
    outcome = run_here(spark, texts, tmp_path / "lake")
    assert (outcome.n_texts, outcome.n_before) == (1001, 0)
    assert outcome.left_out.keys() == {
        "empty",
        "a NUL, which no text may hold",
        "1201 tokens, the model has positions for 512",
    }
    rows = lake.read(tmp_path / "lake", "text")
    assert sorted(row["text"] for row in rows) == sorted([*short, long, *bad])
    assert {row["text"]: row["left_out"] for row in rows if row["left_out"]}.keys() == set(bad)
    assert {row["line"] for row in rows if row["text"] == long} == {501}
    assert lake.vectors(tmp_path / "lake") == lake.one_server(
        connection, [*short, long], "attn_out"
    )
    parts = [rows for path, rows in sizes(tmp_path / "lake", "token").items()]
    assert len(parts) >= 8 and max(parts) < sum(parts) / 4
    # again: there is nothing to do
    before = lake.manifest(tmp_path / "lake")
    outcome = run_here(spark, texts, tmp_path / "lake")
    assert (outcome.n_texts, outcome.n_before) == (0, 1004)
    assert lake.manifest(tmp_path / "lake") == before


def test_nothing_but_left_out_texts(spark: SparkSession, tmp_path: Path) -> None:
    """Tasks all of whose texts are left out: their files have no tokens and no vectors."""
    outcome = run_here(spark, write_lines(tmp_path, ["a\0b", "c\0d"]), tmp_path / "lake")
    assert (outcome.n_texts, outcome.left_out.total()) == (0, 2)
    with open_lake(str(tmp_path / "lake")) as opened:
        (texts,) = opened.ask("texts").itertuples()
    assert (texts.n_texts, texts.n_left_out) == (0, 2)
    assert len(lake.read(tmp_path / "lake", "text")) == 2
    for table in ("token", "activation"):
        assert set(sizes(tmp_path / "lake", table).values()) == {0}


def sizes(folder: Path, table: str) -> dict[str, int]:
    files = lake.manifest(folder)["files"]
    return {path: file["rows"] for path, file in files.items() if path.startswith(f"{table}/")}


SITES = ("attn_out", "logits", "ln_final", "pattern", "q")


@pytest.fixture(scope="module")
def small(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some texts with several sites, and one that cannot be run."""
    folder = tmp_path_factory.mktemp("small")
    texts = write_lines(folder, [*sentences(12), "a", "x\0y", ""])
    run_here(spark, texts, folder / "lake", capture=SITES)
    return folder / "lake"


def test_psqlm_import_reads_it(small: Path, scratch_dsn: str, tmp_path: Path) -> None:
    """And exports it again as it was, but for what was left out."""
    with psycopg.connect(scratch_dsn) as connection:
        brought = bring(connection, small)
        assert len(brought.run_ids) == 13
        assert brought.left_out == {"a NUL, which no text may hold": 1, "empty": 1}
        export(connection, "all", tmp_path / "again")
        assert bring(connection, small).n_before == 13
    for table in ("activation", "pattern"):
        assert lake.vectors(tmp_path / "again", table) == lake.vectors(small, table)
    assert lake.tokens(tmp_path / "again") == lake.tokens(small)
    (key,) = read_manifest(small).plans
    assert list(read_manifest(tmp_path / "again").plans) == [key]
    logits = [
        sorted(map(repr, lake.read(folder, "logit"))) for folder in (small, tmp_path / "again")
    ]
    assert logits[0] and logits[0] == logits[1]


def test_duckdb_and_pandas_read_it(small: Path) -> None:
    rows = lake.vectors(small)
    files = f"{small}/activation/model=*/capture=*/site=attn_out/*.parquet"
    (counted,) = duckdb.sql(
        f"""
        SELECT
            count(*),
            avg(sqrt(list_sum(list_transform(value, lambda x: x * x)))),
            avg(norm)
        FROM read_parquet('{files}')
        """
    ).fetchall()
    assert counted[0] == sum(row[1] == "attn_out" for row in rows)
    assert counted[1] == pytest.approx(counted[2], rel=1e-6)
    frame = pd.read_parquet(small / "text")
    assert set(frame.columns) >= {"text_id", "text", "n_tokens", "left_out", "model", "capture"}
    assert frame["n_tokens"].sum() == len(lake.read(small, "token"))


def test_a_lone_token_is_as_it_is_among_others(small: Path, connection: psycopg.Connection) -> None:
    (alone,) = [row for row in lake.vectors(small) if row[:3] == ("a", "attn_out", 0)]
    value = connection.execute(
        "SELECT value::real[] FROM lm.forward_rows(ARRAY['a']) WHERE layer = 0"
    ).fetchone()
    assert alone[-1] == lake.bits(value[0])


def test_killed_and_killed_again(
    spark: SparkSession, connection: psycopg.Connection, scratch: Path, tmp_path: Path
) -> None:
    """Executors, databases and Python workers, in mid-job: the same rows each time."""
    texts = sentences(120)
    expected = lake.one_server(connection, texts, "attn_out")
    path = write_lines(tmp_path, texts)
    chaos = Chaos(SEED, scratch)
    # the quicker the machine, the fewer kills a job has time for
    for number in range(5 * KILLS):
        out = tmp_path / f"lake-{number}"
        with chaos.at_work(out):
            outcome = run_here(spark, path, out)
        assert outcome.n_texts == len(texts)
        assert lake.vectors(out) == expected
        assert not (out / "_temporary").exists()
        read_manifest(out)  # the files are those that it says
        if sum(chaos.struck.values()) >= KILLS:
            break
    print(f"killed: {dict(chaos.struck)} in {number + 1} jobs")
    assert sum(chaos.struck.values()) >= KILLS
    assert chaos.struck.keys() == {"executor", "database", "worker"}


def test_one_executor_and_a_driver_that_is_killed(
    connection: psycopg.Connection, scratch: Path, tmp_path: Path
) -> None:
    """The same command goes on with the rest; the rows are those of one server."""
    texts = short_texts(24)
    path, out = write_lines(tmp_path, texts), tmp_path / "lake"
    more = ("--task-tokens", "3", "--conf", "spark.default.parallelism=1")  # two waves
    arguments = command(path, out, "local-cluster[1,1,1024]", *more)
    # apart from what the other executors have
    mine = scratch / "driver"
    mine.mkdir(mode=0o711)
    environment = {**os.environ, "TMPDIR": str(mine)}
    driver = subprocess.Popen(
        [sys.executable, "-m", "psqlm", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    until = time.monotonic() + 300
    while not (out / "manifest.json").exists():
        assert driver.poll() is None and time.monotonic() < until, driver.communicate()
        time.sleep(0.05)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    wait_until_nothing_is_left(mine)
    n_before = len(lake.read(out, "text"))
    assert 0 < n_before < len(texts)
    # killed in its commit: files that are in place and that no manifest has
    (stray,) = (out / "token").glob("*/*")
    (stray / "part-0.parquet").write_bytes(b"half")
    assert (out / "_temporary").exists()
    again = psqlm(*arguments, env=environment)
    assert again.returncode == 0, again.stderr
    assert f"{n_before} texts had been there" in again.stderr
    assert lake.vectors(out) == lake.one_server(connection, texts, "attn_out")
    read_manifest(out)
    assert not (out / "_temporary").exists()
    wait_until_nothing_is_left(mine)


def metrics(spark: SparkSession) -> dict[str, float]:
    """psqlm's metrics on the driver's own page."""
    gauges = ask(f"{spark.sparkContext.uiWebUrl}/metrics/json/")["gauges"]
    return {
        name.rpartition(".psqlm.")[2]: gauge["value"]
        for name, gauge in gauges.items()
        if ".driver." in name and ".psqlm." in name
    }


def test_metrics_are_those_of_the_rows(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the driver's page says after each wave; a second job begins at nothing."""
    seen = []

    class Seen(Watch):
        def tell(self, context: SparkContext, said: str) -> None:
            committed = tmp_path / "lake" / "manifest.json"
            rows = lake.read(tmp_path / "lake", "text") if committed.exists() else []
            seen.append((metrics(spark), rows))

    monkeypatch.setattr("psqlm.spark.job.WAVE", 2)
    texts = write_lines(tmp_path, [*sentences(20), "", "a\0b", "so far away " * 400])
    before = time.monotonic()
    outcome = run_here(spark, texts, tmp_path / "lake", task_tokens=128, watch=Seen)
    seconds = time.monotonic() - before
    seen.append((metrics(spark), lake.read(tmp_path / "lake", "text")))
    for said, rows in seen:
        run = [row for row in rows if row["left_out"] is None]
        assert said["texts"] == len(run)
        assert said["tokens"] == sum(row["n_tokens"] for row in run)
        assert said["texts_left_out"] == len(rows) - len(run)
    assert (said["texts"], said["texts_left_out"]) == (20, 3)
    tokens = [said["tokens"] for said, _ in seen]
    assert len(tokens) > 2 and tokens == sorted(set(tokens))
    assert seen[0][0]["tokens_per_second"] == 0
    assert said["tokens"] / seconds < said["tokens_per_second"]
    assert said["tokens_per_second"] == pytest.approx(said["tokens"] / outcome.seconds, rel=0.01)
    run_here(spark, texts, tmp_path / "lake")
    assert metrics(spark) == dict.fromkeys(said, 0)


def test_two_drivers_do_not_share_a_folder(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    other = psutil.Process(os.getppid())
    from psqlm.spark import job

    out = tmp_path / "lake"
    (out / "_temporary").mkdir(parents=True)
    (out / "_temporary" / "job.json").write_text(
        json.dumps(
            {"host": job.socket.gethostname(), "pid": other.pid, "began": other.create_time()}
        )
    )
    with pytest.raises(PsqlmError, match="another job writes to"):
        run_here(spark, write_lines(tmp_path, ["a"]), out)


def test_what_cannot_be_done_is_one_line(spark: SparkSession, tmp_path: Path) -> None:
    path = write_lines(tmp_path, ["a"])
    with pytest.raises(PsqlmError, match="capture holds what is no site: nothing: the sites: all"):
        run_here(spark, path, tmp_path / "lake", capture=("nothing",))
    with pytest.raises(PsqlmError, match=r"nowhere\.txt cannot be read as text"):
        run_here(spark, str(tmp_path / "nowhere.txt"), tmp_path / "lake")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear Sir")
    with pytest.raises(PsqlmError, match=r"none of psqlm's, letter\.txt say"):
        run_here(spark, path, tmp_path / "full")


def test_a_folder_travels_and_parquet_comes_in(
    spark: SparkSession, scratch_dsn: str, tmp_path: Path
) -> None:
    """A model of a folder, its weights and the result in float16; texts as a column of Parquet."""
    model = tmp_path / "my-model"
    shutil.copytree(DEMO_MODEL, model)
    texts = ["Once upon a time", "x", "The fox and the crow", "x"]
    pq.write_table(pa.table({"story": texts, "n": [1, 2, 3, 4]}), tmp_path / "stories.parquet")
    setup = make_setup(str(model), dtype="float16")
    what = Corpus(str(tmp_path / "stories.parquet"), kind="parquet", column="story")
    assert kind_of(what.path) == "parquet"
    shipped = ship(setup, spark)
    assert shipped.archive is not None
    shutil.rmtree(model)  # what executors have they have from the job
    described = describe(spark, shipped, Capture(setup.name, ("attn_out",)))
    assert described.setup.sha256 is not None
    shutil.copytree(DEMO_MODEL, model)
    out = tmp_path / "lake"
    outcome = run(spark, what, str(out), setup, Capture(setup.name, ("attn_out",)), dtype="float16")
    assert outcome.n_texts == 3
    with psycopg.connect(scratch_dsn) as connection:
        loader.load(connection, "demo", name="half", dtype="float16")
        expected = connection.execute(
            """
            SELECT ordinal, layer, position, value::halfvec::vector::real[]
            FROM lm.forward_rows(%s, 'half')
            """,
            (texts[:3],),
        ).fetchall()
    assert [(row[0], *row[2:3], row[4], row[6]) for row in lake.vectors(out)] == sorted(
        (texts[ordinal - 1], layer, position, lake.bits(value))
        for ordinal, layer, position, value in expected
    )
