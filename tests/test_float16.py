"""Runs whose vectors are stored in float16: what is rounded, what it costs, what reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from differences import assert_close
from typer.testing import CliRunner, Result

from psqlm.cli import app
from psqlm.errors import PsqlmError
from psqlm.interface import LanguageModel
from psqlm.parquet.bring import bring
from psqlm.parquet.export import export
from psqlm.parquet.manifest import hash_of

if TYPE_CHECKING:
    from families import Families

TALE = "The wolf had three sons, and the king had none. The wolf laughed, and the king wept."
ROUNDOFF = 2.0**-11
"""The largest relative error of a number that is rounded to the nearest float16."""


@pytest.fixture
def database(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A database without runs that the commands work on."""
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    monkeypatch.setenv("COLUMNS", "200")
    with psycopg.connect(scratch_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM lm.intervention")
        connection.execute("DELETE FROM lm.run")
        yield connection


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


def run(
    connection: psycopg.Connection,
    dtype: str,
    model: str = "demo",
    text: str = TALE,
    **named: object,
) -> int:
    """The number of a run that keeps everything."""
    said = "".join(f", {name} => %({name})s" for name in named)
    row = connection.execute(
        f"SELECT lm.forward(%(text)s, %(model)s, '{{all}}', capture_dtype => %(dtype)s{said})",
        {"text": text, "model": model, "dtype": dtype, **named},
    ).fetchone()
    assert row is not None
    return int(row[0])


def vectors(connection: psycopg.Connection, run_id: int) -> dict[tuple[Any, ...], Any]:
    """What a run kept, by site, layer, head and position."""
    return {
        tuple(place): np.array(value, np.float32)
        for *place, value in connection.execute(
            "SELECT site, layer, head, position, value::real[] FROM lm.captured WHERE run_id = %s",
            (run_id,),
        )
    }


def round_in_place(connection: psycopg.Connection, run_id: int) -> None:
    """Round what a run stores in float32, by NumPy."""
    for table, column, keys in (
        ("stored_adjustment", "adjustment", "layer, position"),
        ("stored_activation", "value", "site, layer, head, position"),
    ):
        rows = connection.execute(
            f"SELECT {keys}, {column}::real[] FROM lm.{table} WHERE run_id = %s", (run_id,)
        ).fetchall()
        places = " AND ".join(f"{key} = %s" for key in keys.split(", "))
        connection.cursor().executemany(
            f"UPDATE lm.{table} SET {column} = %s::real[]::vector WHERE run_id = {run_id}"
            f" AND {places}",
            [
                (np.array(value, np.float32).astype(np.float16).astype(float).tolist(), *place)
                for *place, value in rows
            ],
        )


# What is stored -----------------------------------------------------------------------------------


def is_rounded(connection: psycopg.Connection, model: str) -> None:
    full, half = (run(connection, dtype, model, TALE[:40]) for dtype in ("float32", "float16"))
    exact, rounded = vectors(connection, full), vectors(connection, half)
    assert exact.keys() == rounded.keys()
    (sites,) = connection.execute(
        "SELECT array_agg(s.site::text) FROM lm.model_site AS s"
        " INNER JOIN lm.model AS m USING (model_id) WHERE m.name = %s",
        (model,),
    ).fetchone() or ([],)
    assert {site for site, *_ in exact} == set(sites) - {"logits"}
    for place, value in exact.items():
        if place[0] == "attn_scores":  # of keys out of sight there is none
            value = np.where(value < -1e37, np.finfo(np.float16).min, value)
        assert (value.astype(np.float16) == rounded[place]).all(), place
    assert any((exact[place] != rounded[place]).any() for place in exact)
    for layer, position, norm in connection.execute(
        "SELECT layer, position, norm FROM lm.attention_adjustment WHERE run_id = %s", (half,)
    ):
        adjustment = rounded["attn_out", layer, -1, position].astype(np.float64)
        assert norm == pytest.approx(np.linalg.norm(adjustment), rel=1e-14)
    # logits are no vectors, and the pass that made them was the same
    logits = "SELECT position, token_id, logit FROM lm.logit WHERE run_id = %s ORDER BY 1, 2"
    assert (
        connection.execute(logits, (half,)).fetchall()
        == connection.execute(logits, (full,)).fetchall()
        != []
    )


def test_each_value_is_numpys_nearest_float16(connection: psycopg.Connection) -> None:
    is_rounded(connection, "demo")


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_of_other_families_too(families: Families, name: str) -> None:
    families.folder(name)
    is_rounded(families.connection, name)


def test_ends_of_the_range(connection: psycopg.Connection) -> None:
    """What would be rounded to infinity is refused, and nothing else is."""
    half = "SELECT lm_internal.to_half(%s::vector, 'z', 3)::real[]"
    for values in ([65519.9, -65519.9], [60000.0] * 50, [6e-8, 2e-8, -0.0], [0.0]):
        row = connection.execute(half, (str(values),)).fetchone()
        assert row is not None
        expected = np.array(values, np.float32).astype(np.float16)
        assert (np.array(row[0], np.float32) == expected).all()
    for values in ([65520.0], [0.0, -65520.0], [3e38]):
        with (
            pytest.raises(psycopg.errors.InvalidParameterValue, match="z in layer 3 has a value"),
            connection.transaction(),
        ):
            connection.execute(half, (str(values),))


def test_a_value_beyond_the_range_is_one_line_and_nothing_is_written(
    database: psycopg.Connection,
) -> None:
    database.execute(
        "SELECT lm.replace_interventions('loud',"
        " lm.make_intervention('mlp_out', 'scale', layer => 2, factor => 1e5))"
    )
    result = psqlm("run", TALE, "--capture", "mlp_out", "--capture-dtype", "float16",
                   "--interventions", "loud")  # fmt: skip
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        "psqlm: mlp_out in layer 2 has a value beyond 65504, the last of float16: "
        "capture_dtype float32 keeps it as it is"
    )
    assert database.execute("SELECT count(*) FROM lm.run").fetchone() == (0,)
    assert database.execute("SELECT count(*) FROM lm.stored_activation").fetchone() == (0,)
    # what is not kept may be as large as it likes
    assert psqlm("run", TALE, "--capture-dtype", "float16", "--capture", "attn_out",
                 "--capture-layers", "0", "--interventions", "loud").exit_code == 0  # fmt: skip


def test_half_the_space(database: psycopg.Connection) -> None:
    """Of a vector; a row has its key and its place in the index besides."""
    sizes = {}
    for dtype in ("float32", "float16"):
        with database.transaction(force_rollback=True):
            database.execute("TRUNCATE lm.run CASCADE")
            for capture in ("attn_out", "mlp_post"):
                database.execute(
                    "SELECT lm.forward_many(array_fill(%s::text, '{8}'), capture => %s,"
                    " capture_dtype => %s)",
                    (TALE, [capture], dtype),
                )
            sizes[dtype] = database.execute(
                """
                SELECT
                    (
                        SELECT sum(COALESCE(
                            pg_column_size(adjustment), pg_column_size(adjustment_half)
                        ))
                        FROM lm.stored_adjustment
                    ),
                    (
                        SELECT sum(COALESCE(pg_column_size(value), pg_column_size(value_half)))
                        FROM lm.stored_activation
                    ),
                    pg_relation_size('lm.stored_adjustment'),
                    pg_relation_size('lm.stored_activation')
                """
            ).fetchone()
    ratios = [
        half / full
        for full, half in zip(sizes["float32"] or (), sizes["float16"] or (), strict=True)
    ]
    print(sizes, ratios)
    width, mlp = 128, 512
    assert ratios[:2] == pytest.approx([(8 + 2 * n) / (8 + 4 * n) for n in (width, mlp)], rel=1e-3)
    # a page of 8 kB holds so many of them; the norm of an adjustment is stored in float32 alone
    rows = ((60 + 4 * width, 52 + 2 * width), (60 + 4 * mlp, 60 + 2 * mlp))
    pages = [(8168 // full) / (8168 // half) for full, half in rows]
    assert ratios[2:] == pytest.approx(pages, rel=0.03)


# What reads it ------------------------------------------------------------------------------------

READERS = (
    "SELECT * FROM lm.adjustment_norm WHERE run_id = {}",
    "SELECT * FROM lm.lag_design WHERE run_id = {}",
    "SELECT * FROM lm.lag_ols(ARRAY[{}])",
    "SELECT * FROM lm.lag_diagnostics(ARRAY[{}])",
    "SELECT * FROM lm.attention_adjustment WHERE run_id = {}",
    "SELECT * FROM lm.activation WHERE run_id = {}",
    "SELECT * FROM lm.activation_array WHERE run_id = {}",
    "SELECT * FROM lm.adjustment_array WHERE run_id = {}",
    "SELECT * FROM lm_internal.carried_vector WHERE run_id = {}",
    "SELECT * FROM lm.attention_pattern WHERE run_id = {}",
    "SELECT * FROM lm.head_scores({})",
    "SELECT * FROM lm.attention_share(ARRAY[{}], 'w')",
    "SELECT * FROM lm.residual_norm WHERE run_id = {}",
    "SELECT * FROM lm.residual_cosine WHERE run_id = {}",
    "SELECT * FROM lm.logit_lens({})",
    "SELECT * FROM lm.lens_grid({})",
    "SELECT * FROM lm.logit_attribution({}, ' the')",
    "SELECT * FROM lm.head_results({})",
    "SELECT * FROM lm.surprise({})",
    "SELECT * FROM lm.predictions({})",
    "SELECT lm.perplexity({})",
    "SELECT lm.vector_at({}, 'resid_post', 3)",
    "SELECT lm.vector_at({}, 'attn_out', 3)",
)


def test_readers_see_the_rounded_vectors(database: psycopg.Connection) -> None:
    """All answers are those to a float32 run whose vectors NumPy has rounded, to the last digit."""
    half, full = run(database, "float16"), run(database, "float32")
    round_in_place(database, full)
    database.execute("SET extra_float_digits = 3")
    for reader in READERS:
        answers = []
        for run_id in (half, full):
            rows = database.execute(reader.replace("{}", str(run_id), 1).format()).fetchall()
            answers.append(sorted(str(row).replace(f"({run_id}, ", "(", 1) for row in rows))
        assert answers[0] and answers[0] == answers[1], reader


def test_what_is_read_is_near_what_was_computed(database: psycopg.Connection) -> None:
    full, half = run(database, "float32"), run(database, "float16")
    exact, rounded = vectors(database, full), vectors(database, half)
    # a norm changes by no more than the roundoff of its vector
    for run_id in (full, half):
        assert database.execute(
            "SELECT count(*) FROM lm.attention_adjustment WHERE run_id = %s", (run_id,)
        ).fetchone() == (8 * max(place[3] + 1 for place in exact),)
    norms = [
        database.execute(
            "SELECT norm FROM lm.attention_adjustment WHERE run_id = %s ORDER BY layer, position",
            (run_id,),
        ).fetchall()
        for run_id in (full, half)
    ]
    assert_close("norms in float16", norms[1], norms[0], relative=ROUNDOFF)

    # logits are W_U ((x − μ) / σ ⊙ γ) + …, and an error in x of ‖e‖ ≤ ROUNDOFF ‖x‖ makes one in
    # (x − μ) / σ of no more than 2 ‖e‖ / σ, which W_U and γ stretch by their norms at most
    gain = np.array(
        database.execute(
            "SELECT gain::real[] FROM lm.layer_norm WHERE site = 'ln_final'"
        ).fetchone()
    )
    unembedding = np.array(
        [row for (row,) in database.execute("SELECT value FROM lm.embedding_array")], np.float64
    )
    stretch = np.linalg.norm(unembedding * gain, axis=1).max()
    last = max(place[3] for place in exact)
    for layer in range(8):
        x = exact["resid_post", layer, -1, last].astype(np.float64)
        allowed = 2 * ROUNDOFF * np.linalg.norm(x) / x.std() * stretch
        logits = [
            np.array(
                database.execute(
                    "SELECT logits FROM lm.lens_logits(%s) WHERE layer = %s", (run_id, layer)
                ).fetchone()
            )
            for run_id in (full, half)
        ]
        assert_close(f"lens of layer {layer} in float16", logits[1], logits[0], absolute=allowed)
        assert (logits[0] != logits[1]).any()

    # the slopes solve the normal equations of log norms that moved by log(1 + ROUNDOFF) at most
    for layer in range(8):
        slopes = []
        for vectors_of in (exact, rounded):
            log_norm = np.log(
                [
                    np.linalg.norm(vectors_of["attn_out", layer, -1, p].astype(np.float64))
                    for p in range(1, last + 1)
                ]
            )
            design = np.column_stack([np.ones(last - 2), log_norm[1:-1], log_norm[:-2]])
            slopes.append(np.linalg.lstsq(design, log_norm[2:], rcond=None)[0])
        row = database.execute(
            "SELECT intercept, beta_lag1, beta_lag2 FROM lm.lag_ols(ARRAY[%s]) WHERE layer = %s",
            (half, layer),
        ).fetchone()
        assert_close(f"slopes of layer {layer} in float16", [row], [slopes[1]], absolute=1e-8)
        # to first order: ‖A⁺‖ (‖error of y‖ + ‖error of A‖ ‖b‖)
        moved = np.log1p(ROUNDOFF) * np.sqrt(last - 2)
        allowed = (
            np.linalg.norm(np.linalg.pinv(design), 2)
            * moved
            * (1 + np.sqrt(2) * np.linalg.norm(slopes[0]))
        )
        assert_close(f"slopes of layer {layer}, float32", [row], [slopes[0]], absolute=2 * allowed)


def test_patching_takes_the_rounded_vectors(database: psycopg.Connection) -> None:
    half, full = run(database, "float16"), run(database, "float32")
    round_in_place(database, full)
    logits = []
    for name, source in (("half", half), ("full", full)):
        database.execute(
            "SELECT lm.replace_interventions(%s, lm.make_intervention('resid_post', 'replace',"
            " layer => 3, \"position\" => 2, from_run => %s), lm.make_intervention('attn_out',"
            " 'mean', layer => 5, from_run => %s))",
            (name, source, source),
        )
        changed = run(database, "float32", interventions=name)
        logits.append(
            database.execute(
                "SELECT position, token_id, logit FROM lm.logit WHERE run_id = %s", (changed,)
            ).fetchall()
        )
    assert sorted(logits[0]) == sorted(logits[1])


@pytest.mark.parametrize("place", [("resid_post", 3, -1), ("attn_out", 2, -1), ("z", 1, 2)])
def test_one_index_finds_the_nearest_of_both(
    database: psycopg.Connection, place: tuple[str, int, int]
) -> None:
    full, half = run(database, "float32"), run(database, "float16")
    with database.transaction(force_rollback=True):
        asked = "SELECT run_id, position, cosine FROM lm.nearest_activations(lm.vector_at("
        asked += (
            "%(run)s, %(site)s, %(layer)s, head => %(head)s), %(site)s, %(layer)s, %(head)s, 6)"
        )
        given = dict(zip(("site", "layer", "head"), place, strict=True))
        by_looking = database.execute(asked, {"run": full, **given}).fetchall()
        (name,) = database.execute(
            "SELECT lm.index_activations(%(site)s, %(layer)s, %(head)s)", given
        ).fetchone() or ("",)
        database.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        database.execute("SET LOCAL enable_sort = off; SET LOCAL hnsw.ef_search = 200")
        by_index = database.execute(asked, {"run": full, **given}).fetchall()
        assert database.execute(
            "SELECT pg_stat_get_xact_numscans(%s::regclass)", (f"lm.{name}",)
        ).fetchone() == (1,)
    assert {run_id for run_id, *_ in by_looking[:2]} == {full, half}
    assert by_looking[0][2] == pytest.approx(1)
    assert by_looking[1][2] == pytest.approx(1, abs=ROUNDOFF**2)
    assert {row[:2] for row in by_index} == {row[:2] for row in by_looking}


def test_what_is_run_again_for_a_page_is_stored_alike(database: psycopg.Connection) -> None:
    from psqlm.view.complete import complete_run  # pandas takes a while

    (bare,) = database.execute(
        "SELECT lm.forward(%s, capture_dtype => 'float16')", (TALE,)
    ).fetchone() or (0,)
    run(database, "float32")  # would serve, but for its numbers
    said: list[str] = []
    made = complete_run(database, bare, said.append)
    assert "run again" in said[0]
    assert database.execute(
        "SELECT capture_dtype, prompt FROM lm.run WHERE run_id = %s", (made,)
    ).fetchone() == ("float16", TALE)
    assert complete_run(database, bare, said.append) == made


def test_python_and_figures(scratch_dsn: str) -> None:
    with psycopg.connect(scratch_dsn) as connection, psycopg.connect(scratch_dsn) as other:
        connection.autocommit = other.autocommit = True
        lm = LanguageModel(connection, "demo")
        full = lm.forward(TALE, capture=["all"])
        half = lm.forward(TALE, capture=["all"], capture_dtype="float16")
        assert (full.capture_dtype, half.capture_dtype) == ("float32", "float16")
        assert lm.run(half.run_id).capture_dtype == "float16"
        for site in ("resid_post", "z", "pattern", "attn_out"):
            expected = full.activation(site).astype(np.float16)
            assert half.activation(site).dtype == np.float32
            assert (half.activation(site) == expected).all()
        adjustments = np.stack(half.adjustments()["adjustment"].tolist())
        assert (adjustments.reshape(8, -1, 128) == half.activation("attn_out")).all()
        drawn = [
            np.nan_to_num(np.array(lm.figure.attention(of, 3, 1).data[0].z, float))
            for of in (full, half)
        ]
        assert_close("figure of attention in float16", drawn[1], drawn[0], absolute=ROUNDOFF)


# What is said of it -------------------------------------------------------------------------------


def test_runs_of_one_dtype_are_not_those_of_the_other(database: psycopg.Connection) -> None:
    ask = "SELECT run_id, is_new FROM lm.forward_once(ARRAY[%s], capture_dtype => %s)"
    find = "SELECT run_id FROM lm.find_runs(ARRAY[%s], capture_dtype => %s)"
    runs = {}
    for dtype in ("float32", "float16"):
        assert database.execute(find, (TALE, dtype)).fetchall() == []
        rows = database.execute(ask, (TALE, dtype)).fetchall()
        assert [is_new for _, is_new in rows] == [True]
        runs[dtype] = rows[0][0]
        assert database.execute(ask, (TALE, dtype)).fetchall() == [(runs[dtype], False)]
    assert {dtype: database.execute(find, (TALE, dtype)).fetchone() for dtype in runs} == {
        dtype: (run_id,) for dtype, run_id in runs.items()
    }
    # and the default is what it was
    assert database.execute("SELECT run_id FROM lm.find_runs(ARRAY[%s])", (TALE,)).fetchone() == (
        runs["float32"],
    )


@pytest.mark.parametrize(
    "call",
    [
        "lm.forward('a', capture_dtype => {})",
        "lm.forward_many('{{a}}', capture_dtype => {})",
        "lm.forward_once('{{a}}', capture_dtype => {})",
        "lm.find_runs('{{a}}', capture_dtype => {})",
        "lm.capture_bytes('{{1}}', capture_dtype => {})",
    ],
)
def test_another_dtype_is_refused(connection: psycopg.Connection, call: str) -> None:
    for odd in ("'float64'", "NULL", "''"):
        with (
            pytest.raises(
                psycopg.errors.InvalidParameterValue,
                match=r"^capture_dtype is float32 or float16, not ",
            ),
            connection.transaction(),
        ):
            connection.execute(f"SELECT * FROM {call.format(odd)}")


def test_commands(database: psycopg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "tales.txt"
    file.write_text(f"{TALE}\nOnce upon a time\n")
    corpus = ("run", "--file", str(file), "--each", "line", "--capture-dtype", "float16")
    first, second = psqlm(*corpus), psqlm(*corpus)
    assert first.exit_code == second.exit_code == 0, first.output
    assert first.stdout == second.stdout
    assert "texts: 2 run" in first.stderr and "2 had been run" in second.stderr
    full = psqlm("run", *corpus[1:-2])
    assert "texts: 2 run" in full.stderr
    taken = [result.stderr.split("take up about ")[1].split(";")[0] for result in (first, full)]
    assert [float(size.split()[0]) * (1000 if "MB" in size else 1) for size in taken] == sorted(
        float(size.split()[0]) * (1000 if "MB" in size else 1) for size in taken
    )
    assert psqlm("run", TALE, "--capture-dtype", "float8").exit_code == 2

    listed = [json.loads(line) for line in psqlm("runs", "--json").stdout.splitlines()]
    assert [row["capture_dtype"] for row in listed] == ["float32"] * 2 + ["float16"] * 2
    assert max(row["bytes"] for row in listed[2:]) < max(row["bytes"] for row in listed[:2])
    said = psqlm("runs").stdout
    assert "stored as" in said and "float16" in said
    database.execute("SELECT lm.drop_runs(%s)", ([row["run_id"] for row in listed[2:]],))
    assert "stored as" not in psqlm("runs").stdout

    run(database, "float16")
    sites = json.loads(psqlm("status", "--json").stdout)["runs"]["sites"]
    costs = {
        site["capture_dtype"]: site["bytes_per_token"]
        for site in sites
        if site["site"] == "attn_out"
    }
    assert costs["float16"] < 0.75 * costs["float32"]
    assert "attn_out (float16): " in psqlm("status").stdout


# Out and in ---------------------------------------------------------------------------------------


def test_it_comes_back_as_it_was(
    database: psycopg.Connection,
    create_database: Callable[..., str],
    demo_template: str,
    tmp_path: Path,
) -> None:
    half, full = run(database, "float16"), run(database, "float32")
    database.autocommit = False
    # whether it is rounded now or was before: one plan, one key of the text
    exported = export(database, "all", tmp_path / "half", dtype="float16")
    assert (exported.n_runs, exported.n_older) == (1, 1)
    exported = export(database, "all", tmp_path / "runs")
    assert (exported.n_runs, exported.n_older) == (2, 0)
    assert {plan.dtype: [r.run_id for r in exported.runs[key]] for key, plan in
            exported.plans.items()} == {"float16": [half], "float32": [full]}  # fmt: skip
    with psycopg.connect(create_database("psqlm_half", template=demo_template)) as empty:
        brought = bring(empty, tmp_path / "runs")
        assert (len(brought.run_ids), brought.n_before) == (2, 0)
        there = dict(empty.execute("SELECT capture_dtype, run_id FROM lm.run").fetchall())
        for dtype, run_id in (("float16", half), ("float32", full)):
            before, after = vectors(database, run_id), vectors(empty, there[dtype])
            assert before.keys() == after.keys()
            assert all((before[place] == after[place]).all() for place in before)
        stored = empty.execute(
            "SELECT run_id, bool_and(value IS NULL), bool_and(value_half IS NULL)"
            " FROM lm.stored_activation GROUP BY run_id"
        ).fetchall()
        assert sorted(stored) == sorted(
            [(there["float16"], True, False), (there["float32"], False, True)]
        )
        # what was rounded on its way is the same run
        again = bring(empty, tmp_path / "half")
        assert (again.run_ids, again.n_before) == ([], 1)


def test_values_that_are_not_rounded_are_refused(
    database: psycopg.Connection,
    create_database: Callable[..., str],
    demo_template: str,
    tmp_path: Path,
) -> None:
    import pyarrow.parquet as pq

    run(database, "float16")
    database.autocommit = False
    folder = tmp_path / "runs"
    export(database, "all", folder, sites=["z"])
    (path,) = folder.glob("activation/*/*/*/*.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[7]["value"][3] += 1e-6
    pq.write_table(type(table).from_pylist(rows, table.schema), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    name = path.relative_to(folder).as_posix()
    manifest["files"][name] |= {"bytes": path.stat().st_size, "sha256": hash_of(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with (
        psycopg.connect(create_database("psqlm_unrounded", template=demo_template)) as empty,
        pytest.raises(PsqlmError, match=r"is damaged: z has values that are no float16; nothing"),
    ):
        bring(empty, folder)
