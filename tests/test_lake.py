"""Exported runs in DuckDB, PostgreSQL and Spark: each answers what lm's own functions answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import statsmodels.formula.api as smf
from typer.testing import CliRunner, Result

from psqlm import lake, loader
from psqlm.analysis.moments import Estimate, compare_moments, fit_moments
from psqlm.cli import app
from psqlm.errors import PsqlmError
from psqlm.parquet.export import choose, export

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tales.txt").read_text("utf-8")
TALES = [part for part in PAGE.split("\n\n") if part][:8]
KEYS = ["model", "capture"]


@dataclass
class Carried:
    """Runs of a database, and the folder that they were exported to."""

    dsn: str
    folder: Path

    def run_ids(self, model: str, capture: str) -> list[int]:
        """The runs of a plan."""
        with psycopg.connect(self.dsn) as connection, connection.transaction():
            chosen = choose(connection, "all")
        assert chosen.plans[capture].model.name == model
        return [run.run_id for run in chosen.runs[capture]]


@pytest.fixture(scope="module")
def carried(
    create_database: Callable[..., str],
    demo_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Carried:
    """Runs of two models, with several captures; one of them was changed."""
    dsn = create_database("psqlm_lake", template=demo_template)
    with psycopg.connect(dsn, autocommit=True) as connection:
        loader.load(connection, "demo-llama", "tales/llama")
        for statement in (
            "SELECT lm.replace_interventions('quiet',"
            " lm.make_intervention('attn_out', 'zero', layer => 1),"
            " lm.make_intervention('attn_out', 'zero', layer => 3, \"position\" => 4))",
            "SELECT lm.forward_many(%(tales)s, 'demo', capture => '{attn_out,pattern}')",
            "SELECT lm.forward_many(%(tales)s, 'tales/llama')",
            "SELECT lm.forward_many(%(tales)s, 'demo', capture_layers => '{5,2}')",
            "SELECT lm.forward_many(%(tales)s, 'demo', interventions => 'quiet')",
            "SELECT lm.forward_many((%(tales)s::text[])[:2], 'demo', capture_layers => '{3}',"
            " capture => '{mlp_post,logits,ln_final}', top_logits => NULL)",
            "SELECT lm.forward_many((%(tales)s::text[])[:2], 'demo',"
            " capture => '{logits,ln_final}', top_logits => 5)",
            # positions 0 to 9 without 5: rows where the two before were kept
            "SELECT lm.forward_many(%(tales)s, 'demo', capture_positions => '{0,1,2,3,4,6,7,8,9}')",
            "SELECT lm.forward_many(ARRAY['too short'], 'demo', capture => '{attn_out,z}')",
        ):
            connection.execute(statement, {"tales": TALES} if "%(" in statement else None)
    folder = tmp_path_factory.mktemp("lake") / "it's [here]"
    with psycopg.connect(dsn) as connection:
        export(connection, "all", folder)
    return Carried(dsn, folder)


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A Spark of two threads."""
    if find_spec("pyspark") is None:
        pytest.skip("no Spark: pip install 'psqlm[spark]'")
    if shutil.which("java") is None:
        pytest.skip("no Java, which Spark runs on")
    from pyspark.sql import SparkSession

    opened = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield opened
    opened.stop()


@pytest.fixture(
    scope="module",
    params=["duckdb", "postgresql", pytest.param("spark", marks=pytest.mark.spark)],
)
def engine(request: pytest.FixtureRequest, carried: Carried) -> Iterator[lake.Lake]:
    """The same runs in each engine."""
    if request.param == "postgresql":
        with psycopg.connect(carried.dsn) as connection, lake.open_database(connection) as opened:
            yield opened
        return
    session = request.getfixturevalue("session") if request.param == "spark" else None
    folder = carried.folder
    if session is not None:  # Hadoop takes brackets for a pattern
        folder = folder.with_name("here")
        folder.symlink_to(carried.folder)
    with lake.open(str(folder), session=session) as opened:
        yield opened


@pytest.fixture
def database(carried: Carried) -> Iterator[psycopg.Connection]:
    with psycopg.connect(carried.dsn, autocommit=True) as connection:
        yield connection


def rows(connection: psycopg.Connection, query: str, values: list[Any]) -> pd.DataFrame:
    cursor = connection.execute(query.encode(), values)
    assert cursor.description
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


# The regression -----------------------------------------------------------------------------------


def test_the_regression_is_that_of_lm(
    engine: lake.Lake, carried: Carried, database: psycopg.Connection
) -> None:
    moments = engine.ask("lag_moments")
    # six plans kept adjustments; one of a text that is too short, one without a row in layer 1
    assert len(moments[KEYS].drop_duplicates()) == 5
    n_fitted = 0
    for (model, capture), part in moments.groupby(KEYS):
        answers = fit_moments(database, part, "log_norm", ["lag_1", "lag_2"])
        run_ids = carried.run_ids(str(model), str(capture))
        if part["n_left_out"].any():  # layer 1 has no norm but 0, and lm.lag_ols refuses it all
            left_out = rows(
                database,
                "SELECT layer, count(*) FILTER (WHERE n.y IS NULL) AS n FROM"
                " (SELECT layer, log_norm + lag[1] + lag[2] AS y FROM lm.lag_rows(%s)) AS n"
                " GROUP BY layer ORDER BY layer",
                [run_ids],
            )
            assert part["n_left_out"].tolist() == left_out["n"].tolist()
            assert part["n"].tolist()[1] == 0
            assert answers[1] == "0 rows for 3 coefficients; take more tokens"
            continue
        expected = rows(database, "SELECT * FROM lm.lag_ols(%s) WHERE n > 0", [run_ids])
        assert part["layer"].tolist() == expected["layer"].tolist()
        assert part["n"].tolist() == expected["n"].tolist()
        for answer, (_, fit) in zip(answers, expected.iterrows(), strict=True):
            assert isinstance(answer, Estimate)
            for ours, name in ((answer.params, "beta"), (answer.bse, "se"), (answer.pvalues, "p")):
                theirs = [
                    fit["intercept" if name == "beta" else f"{name}_intercept"],
                    fit[f"{name}_lag1"],
                    fit[f"{name}_lag2"],
                ]
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
            assert answer.rsquared == pytest.approx(fit["r_squared"], abs=1e-9)
            n_fitted += 1
    assert n_fitted == 8 + 8 + 2 + 8


def test_the_regression_is_that_of_statsmodels(
    engine: lake.Lake, carried: Carried, database: psycopg.Connection
) -> None:
    """From the files with pandas: no SQL is between them and the truth."""
    comparison = compare_moments(database, engine.ask("lag_moments"), engine.ask("texts"))
    adjustments = pd.read_parquet(
        carried.folder / "activation", filters=[("site", "==", "attn_out")]
    ).astype({"model": str, "capture": str})
    names = [one.name for one in comparison.series]
    n_checked = 0
    for one in comparison.series:
        model, _, capture = one.name.partition(" ")
        part = adjustments[adjustments["model"] == model]
        if capture:
            part = part[part["capture"] == capture]
        for fit, drift in zip(one.fits, one.drift, strict=True):
            if fit.ols is None or fit.n_left_out:
                continue
            design = lagged(part[part["layer"] == fit.layer])
            ols = smf.ols("log_norm ~ lag_1 + lag_2", design).fit()
            controlled = smf.ols("log_norm ~ lag_1 + lag_2 + position", design).fit()
            assert fit.n == ols.nobs
            np.testing.assert_allclose(fit.ols.params, ols.params, rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(fit.ols.pvalues, ols.pvalues, rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(fit.ols.conf_int(0.05), ols.conf_int(), rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(
                drift.controlled.ols.params, controlled.params, rtol=1e-8, atol=1e-9
            )
            expected = np.corrcoef(design["log_norm"], design["position"])[0, 1]
            assert drift.correlation == pytest.approx(expected, abs=1e-9)
            # of neighbours within a text
            steps = ols.resid.groupby(run_of_neighbours(design)).diff()
            expected = float((steps**2).sum() / (ols.resid**2).sum())
            assert drift.durbin_watson == pytest.approx(expected, rel=1e-8)
            n_checked += 1
    assert len(names) == len(set(names)) == 5
    assert n_checked >= 26


def lagged(part: pd.DataFrame) -> pd.DataFrame:
    """A row for each position of a text whose two positions before were kept, but for token 0."""
    there = {
        (text_id, position): norm
        for text_id, position, norm in part[["text_id", "position", "norm"]].to_numpy()
    }
    found = [
        (text_id, position, *(np.log(there[text_id, position - k]) for k in range(3)))
        for text_id, position in there
        if position >= 3 and {(text_id, position - 1), (text_id, position - 2)} <= there.keys()
    ]
    columns = ["text_id", "position", "log_norm", "lag_1", "lag_2"]
    return pd.DataFrame(found, columns=columns).sort_values(["text_id", "position"])


def run_of_neighbours(design: pd.DataFrame) -> pd.Series[int]:
    """A number for each stretch of positions that follow one another."""
    broken = (design["text_id"] != design["text_id"].shift()) | (design["position"].diff() != 1)
    return broken.cumsum()


@pytest.mark.parametrize("engine_name", ["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def test_the_command_says_what_analyze_says(
    engine_name: str,
    carried: Carried,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if engine_name == "spark":
        request.getfixturevalue("session")  # or the reason why not
    monkeypatch.setenv("PSQLM_DSN", carried.dsn)
    monkeypatch.chdir(tmp_path)
    exported = psqlm("export", "--runs", "1-8", "--out", "tales")
    assert exported.exit_code == 0, exported.output
    ours = psqlm("spark", "analyze", "tales", "--engine", engine_name, "--out", "a")
    assert ours.exit_code == 0, ours.output
    theirs = psqlm("analyze", "--runs", "1-8", "--out", "b")
    assert ours.stdout.replace("written to a", "written to b") == theirs.stdout
    a, b = (pd.read_csv(tmp_path / name / "coefficients.csv") for name in "ab")
    pd.testing.assert_frame_equal(a, b, rtol=1e-9, atol=1e-12)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        path.name for path in (tmp_path / "b").iterdir()
    }


@pytest.mark.spark
def test_what_spark_has_run(session: Any, carried: Carried, tmp_path: Path) -> None:
    """The files of a job on Spark are a lake like those of an export."""
    del session  # or the reason why not; the job has a Spark of its own
    (tmp_path / "tales.txt").write_text("\n\n".join(TALES), "utf-8")
    command = "spark run --texts tales.txt --each paragraph --out lake --master local[1]"
    subprocess.run([sys.executable, "-m", "psqlm", *command.split()], cwd=tmp_path, check=True)
    with psycopg.connect(carried.dsn) as connection:
        with lake.open(str(tmp_path / "lake")) as opened:
            ours = compare_moments(connection, opened.ask("lag_moments"), opened.ask("texts"))
        with lake.open_database(connection, "1-8") as opened:
            theirs = compare_moments(connection, opened.ask("lag_moments"), opened.ask("texts"))
    pd.testing.assert_frame_equal(ours.table, theirs.table, rtol=1e-9, atol=1e-12)
    assert ours.series[0].n_runs == 8


# The other statements -----------------------------------------------------------------------------


def test_head_scores_are_those_of_lm(
    engine: lake.Lake, carried: Carried, database: psycopg.Connection
) -> None:
    scores = engine.ask("head_scores")
    ((model, capture),) = set(scores[KEYS].itertuples(index=False, name=None))
    run_ids = carried.run_ids(model, capture)
    # a query's attention adds up to 1, so that texts count as often as they have tokens
    expected = rows(
        database,
        """
        SELECT s.layer, s.head,
            sum(s.previous_token * n.n) / sum(n.n) AS previous_token,
            sum(s.duplicate_token * n.n) / sum(n.n) AS duplicate_token,
            sum(s.induction * n.n) / sum(n.n) AS induction
        FROM unnest(%s::bigint[]) AS r (run_id)
        CROSS JOIN LATERAL lm.head_scores(r.run_id) AS s
        CROSS JOIN LATERAL (
            SELECT count(*)::float8 AS n FROM lm.run_token AS t WHERE t.run_id = r.run_id
        ) AS n
        GROUP BY s.layer, s.head ORDER BY s.layer, s.head
        """,
        [run_ids],
    )
    assert len(scores) == len(expected) == 32
    for name in expected.columns:
        np.testing.assert_allclose(scores[name].astype(float), expected[name], atol=2e-6)
    first = rows(
        database,
        "SELECT layer, head, sum(weight) FILTER (WHERE key_position = 0) / sum(weight) AS first"
        " FROM lm.attention_pattern WHERE run_id = ANY (%s) GROUP BY layer, head"
        " ORDER BY layer, head",
        [run_ids],
    )
    np.testing.assert_allclose(scores["first_token"].astype(float), first["first"], atol=1e-7)


def test_surprise_is_that_of_lm(
    engine: lake.Lake, carried: Carried, database: psycopg.Connection
) -> None:
    surprise = engine.ask("surprise")
    captures = surprise.groupby("capture")["n_logits"].max().sort_values()
    (n_vocab,) = rows(database, "SELECT n_vocab FROM lm.model WHERE name = 'demo'", [])["n_vocab"]
    assert captures.tolist() == [5, n_vocab]
    some, all_ = captures.index
    with database.transaction():
        chosen = choose(database, "all")
    text_ids = {run.run_id: run.text_id for run in chosen.runs[all_]}
    expected = rows(
        database,
        "SELECT run_id, position, token, surprise FROM lm.surprise(%s) WHERE position > 0",
        [list(text_ids)],
    )
    expected["text_id"] = expected["run_id"].map(text_ids)
    ours = surprise[surprise["capture"] == all_].merge(
        expected, on=["text_id", "position", "token"], suffixes=("", "_lm")
    )
    assert len(ours) == len(expected) > 50
    np.testing.assert_allclose(ours["surprise"], ours["surprise_lm"], rtol=1e-5, atol=2e-5)
    # among the five highest a token surprises less than among all
    few = surprise[surprise["capture"] == some].reset_index(drop=True)
    places = {run.run_id: run.text_id for run in chosen.runs[some]}
    few["order"] = few["text_id"].map({text: n for n, text in enumerate(places.values())})
    ours["order"] = ours["text_id"].map({text: n for n, text in enumerate(text_ids.values())})
    both = few.merge(ours, on=["order", "position"], suffixes=("", "_all"))
    known = both["surprise"].notna()
    assert 0 < known.sum() < len(both)
    assert (both.loc[known, "surprise"] <= both.loc[known, "surprise_all"] + 1e-6).all()


def test_top_examples_are_the_largest(engine: lake.Lake, database: psycopg.Connection) -> None:
    top = engine.ask("top_examples")
    assert not top.duplicated([*KEYS, "layer", "place"]).any()
    for (model, layer), part in top[top["place"] == 1].groupby(["model", "layer"]):
        (largest,) = rows(
            database,
            "SELECT max(a.norm) FROM lm.attention_adjustment AS a INNER JOIN lm.run USING (run_id)"
            " INNER JOIN lm.model AS m USING (model_id)"
            " WHERE m.name = %s AND a.layer = %s AND a.position > 0",
            [model, int(layer)],
        ).to_numpy()[0]
        assert part["norm"].max() == pytest.approx(largest, rel=1e-12)
    for row in top.head(20).itertuples():
        assert str(row.token).strip() in str(row.text)


def test_top_units_are_the_largest(engine: lake.Lake, database: psycopg.Connection) -> None:
    top = engine.ask("top_units")
    assert len(top) == 512 * 3
    first = top[top["place"] == 1].sort_values("unit")
    (values,) = rows(
        database,
        "SELECT array_agg(c.value::real[] ORDER BY c.run_id, c.position) AS v FROM lm.captured AS c"
        " WHERE c.site = 'mlp_post'",
        [],
    )["v"]
    np.testing.assert_array_equal(
        first["value"].astype(np.float32), np.max(np.array(values, np.float32), axis=0)
    )


def test_a_regression_of_ones_own(engine: lake.Lake, carried: Carried) -> None:
    moments = engine.ask("moments")
    capture = moments.loc[moments["model"] == "tales/llama", "capture"].iloc[0]
    part = moments[moments["capture"] == capture]
    with psycopg.connect(carried.dsn) as connection:
        answers = fit_moments(connection, part, "y", ["x_1", "x_2"])
    adjustments = pd.read_parquet(carried.folder / "activation" / "model=tales%2Fllama")
    tokens = pd.read_parquet(carried.folder / "token" / "model=tales%2Fllama")
    both = adjustments.merge(tokens[["text_id", "position", "token"]], on=["text_id", "position"])
    both = both[both["position"] > 0].assign(y=np.log(both["norm"]), n=both["token"].str.len())
    for layer, answer in zip(part["group_name"], answers, strict=True):
        assert isinstance(answer, Estimate)
        ols = smf.ols("y ~ position + n", both[both["layer"] == layer]).fit()
        np.testing.assert_allclose(answer.params, ols.params, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(answer.tvalues, ols.tvalues, rtol=1e-7)


def test_every_statement_runs(engine: lake.Lake) -> None:
    for name in lake.statements():
        assert len(engine.ask(name)), name
    with pytest.raises(PsqlmError, match="there is no statement lag: head_scores, lag_moments"):
        engine.ask("lag")
    with pytest.raises(PsqlmError, match="no_such_table"):
        engine.query("SELECT * FROM no_such_table")


def test_the_relations_are_the_tables_of_the_files(engine: lake.Lake, carried: Carried) -> None:
    manifest = json.loads((carried.folder / "manifest.json").read_text())
    for table in ("text", "token", "tag", "activation", "pattern", "logit"):
        n = engine.query(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0]
        listed = [
            file["rows"] for path, file in manifest["files"].items() if path.startswith(table)
        ]
        assert n == sum(listed), table


# What is in a folder ------------------------------------------------------------------------------


def test_files_that_are_not_listed_are_not_seen(carried: Carried, tmp_path: Path) -> None:
    """A job that was killed leaves files, and one that runs writes some."""
    folder = tmp_path / "lake"
    shutil.copytree(carried.folder, folder)
    with lake.open(str(folder)) as opened:
        before = opened.ask("lag_moments"), opened.ask("texts")
    for path in list(folder.glob("*/**/*.parquet")):
        shutil.copy(path, path.with_name("part-00007.parquet"))
        (path.parent / "_temporary" / "0").mkdir(parents=True)
        (path.parent / "_temporary" / "0" / "part-1.parquet").write_bytes(b"half a f")
    with lake.open(str(folder)) as opened:
        pd.testing.assert_frame_equal(opened.ask("lag_moments"), before[0])
        pd.testing.assert_frame_equal(opened.ask("texts"), before[1])


def test_nothing_outside_the_folder_is_read(carried: Carried, tmp_path: Path) -> None:
    """Whatever the manifest says, which may be somebody else's."""
    folder = tmp_path / "lake"
    shutil.copytree(carried.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    inside = next(path for path in manifest["files"] if path.startswith("text/"))
    shutil.copy(folder / inside, tmp_path / "outside.parquet")
    count = "SELECT count(*) AS n FROM text"
    with lake.open(str(folder)) as opened:
        before = opened.query(count)
    outside = f"{Path(inside).parent}/../../../../outside.parquet"
    manifest["files"][outside] = manifest["files"][inside]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with lake.open(str(folder)) as opened:
        pd.testing.assert_frame_equal(opened.query(count), before)


def test_float16_keeps_norms_whole(carried: Carried, tmp_path: Path) -> None:
    with psycopg.connect(carried.dsn) as connection:
        export(connection, "1-8", tmp_path / "half", dtype="float16")
        export(connection, "1-8", tmp_path / "single")
    answers = []
    for name in ("half", "single"):
        with lake.open(str(tmp_path / name)) as opened:
            answers.append(opened.ask("lag_moments").drop(columns="capture"))
            (largest,) = opened.query("SELECT max(value) AS x FROM element")["x"]
            assert (np.float16(largest) == np.float32(largest)) == (name == "half")
    pd.testing.assert_frame_equal(*answers)


def test_without_adjustments(
    carried: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", carried.dsn)
    monkeypatch.chdir(tmp_path)
    assert psqlm("export", "--runs", "all", "--sites", "mlp_post", "--out", "mlp").exit_code == 0
    with lake.open("mlp") as opened:
        for table in ("pattern", "logit", "edge"):
            assert opened.query(f"SELECT * FROM {table}").empty
        assert len(opened.ask("top_units"))
    result = psqlm("spark", "analyze", "mlp")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there are no attention adjustments" in result.stderr
    assert "export runs that kept attn_out" in result.stderr
    assert not (tmp_path / "comparison").exists()


def test_what_is_no_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = psqlm("spark", "analyze", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr == (
        f"psqlm: {tmp_path} has no manifest.json: name a folder that psqlm export wrote\n"
    )
    (tmp_path / "manifest.json").write_text("{}")
    result = psqlm("spark", "analyze", str(tmp_path))
    assert result.exit_code == 1
    assert "manifest.json is not one of psqlm's" in result.stderr
    assert psqlm("spark", "analyze", str(tmp_path), "--engine", "presto").exit_code == 2
    both = psqlm("spark", "analyze", str(tmp_path), "--engine", "duckdb", "--master", "yarn")
    assert both.exit_code == 2


def test_a_file_that_is_gone(carried: Carried, tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    shutil.copytree(carried.folder, folder)
    next(folder.glob("activation/**/site=attn_out/*.parquet")).unlink()
    with pytest.raises(PsqlmError, match=r"attn_out/part-00000.parquet is missing: export the"):
        lake.open(str(folder))


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ({"duckdb", "pyspark"}, r"pip install 'psqlm\[lake\]' brings DuckDB"),
        ({"duckdb"}, "Spark needs Java, and there is none"),
    ],
)
def test_engines_that_are_missing(
    missing: set[str],
    advice: str,
    carried: Carried,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "psqlm.lake.opening.find_spec", lambda name: None if name in missing else object()
    )
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    if "pyspark" not in missing and find_spec("pyspark") is None:
        advice = r"pip install 'psqlm\[spark\]'"
    with pytest.raises(PsqlmError, match=advice):
        lake.open(str(carried.folder))


def test_lists_of_other_writers(carried: Carried, tmp_path: Path) -> None:
    """Spark writes lists of any length, and its own names of files."""
    folder = tmp_path / "lake"
    shutil.copytree(carried.folder, folder)
    path = next(folder.glob("activation/model=demo/*/site=attn_out/part-00000.parquet"))
    table = pq.read_table(path)
    value = table["value"].cast(pa.list_(pa.float32()))
    other = path.with_name("part-00000-c7d1-c000.zstd.parquet")
    pq.write_table(table.set_column(table.schema.get_field_index("value"), "value", value), other)
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["files"].pop(path.relative_to(folder).as_posix())
    path.unlink()
    manifest["files"][other.relative_to(folder).as_posix()] = entry
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with lake.open(str(folder)) as ours, lake.open(str(carried.folder)) as theirs:
        pd.testing.assert_frame_equal(ours.ask("lag_moments"), theirs.ask("lag_moments"))
        query = "SELECT sum(value) AS x FROM element"
        np.testing.assert_allclose(ours.query(query)["x"], theirs.query(query)["x"], rtol=1e-12)
