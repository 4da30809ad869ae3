"""The benchmark measures what it says and leaves nothing behind. How fast it is, is not tested."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from psqlm import bench
from psqlm.bench import article, theirs
from psqlm.bench.ours import Ours
from psqlm.bench.plan import Plan
from psqlm.bench.prose import prose
from psqlm.bench.scratch import DATABASE
from psqlm.bench.stages import stage_times
from psqlm.bundled_files import DEMO_MODEL
from psqlm.errors import PsqlmError

SMALL = Plan(
    repeats=1,
    loads=1,
    steps=1,
    forward=(8,),
    decode=(8, 16),
    profile=(8, 16),
    watched=1,
    several=(2, 4),
    together=(2, 4),
    corpus=4,
    jobs=(1, 2),
    memory=(16,),
    article=False,
)
EACH = [
    "load",
    "forward-8",
    "logits-8",
    "decode-8",
    "decode-16",
    "decode-16-over-decode-8",
    "example",
]
ONCE = [
    "tokenizer",
    "sequences-1",
    "sequences-2",
    "sequences-2-over-sequences-1",
    "together-1",
    "together-2",
    "together-2-over-together-1",
    "corpus-1",
    "corpus-2",
    "memory-16",
]


@dataclass(frozen=True)
class Outcome:
    """What a benchmark printed and wrote."""

    printed: str
    data: dict[str, Any]
    folder: Path

    def keys(self, dtype: str) -> list[str]:
        return [row["key"] for row in self.data["rows"] if row["dtype"] == dtype]


def measure(dsn: str, folder: Path, capsys: pytest.CaptureFixture[str], plan: Plan) -> Outcome:
    path = folder / "bench.json"
    capsys.readouterr()
    try:
        bench.main(dsn, path, size="demo", plan=plan)
    finally:
        assert not databases(dsn) & {DATABASE}
    return Outcome(capsys.readouterr().out, json.loads(path.read_text("utf-8")), folder)


def databases(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without transformers and tiktoken."""
    monkeypatch.setattr(theirs, "missing", lambda: "torch transformers")
    monkeypatch.setattr(theirs, "tiktoken_encoding", lambda _tokenizer: None)
    yield


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch on one core: several of them wait for each other where others work too."""
    monkeypatch.setattr(theirs, "n_cores", lambda: 1)


def test_every_row_is_there(
    server_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: None
) -> None:
    outcome = measure(server_dsn, tmp_path, capsys, SMALL)
    assert sorted(outcome.keys("float32")) == sorted(EACH + ONCE)
    assert sorted(outcome.keys("float16")) == sorted(EACH)
    assert outcome.data["complete"]
    assert outcome.data["machine"]["cores"] >= 1
    assert outcome.data["model"] == {
        "size": "demo",
        "family": "gpt2",
        "n_layer": 8,
        "n_head": 4,
        "n_kv_head": 4,
        "d_model": 128,
        "n_vocab": 4096,
    }
    for row in outcome.data["rows"]:
        assert row["name"] in outcome.printed
        assert row["theirs"] == [] and row["theirs_median"] is None and row["ratio"] is None
        assert all(sample > 0 for sample in row["ours"])
        assert row["ours"] or (row["key"] == "memory-16" and "not measured" in row["note"])
    assert "pip install torch transformers" in outcome.printed


def test_stages_of_the_forward_pass(
    server_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: None
) -> None:
    plan = replace(
        SMALL, dtypes=("float16",), forward=(), several=None, together=None, corpus=0, memory=()
    )
    outcome = measure(server_dsn, tmp_path, capsys, plan)
    passes = {stages["name"]: stages for stages in outcome.data["stages"]}
    assert list(passes) == ["8 tokens", "1 at context 16"]
    for stages in passes.values():
        seconds = stages["stages"]
        # the products with weights are among them, under the names of the sites they make
        assert {"ln1", "attn_scores", "pattern", "z", "attn_out", "mlp_pre", "mlp_post"} <= {
            *seconds
        }
        assert seconds["mlp_pre"] > 0 and seconds["mlp_out"] > 0
        total = stages["totals"]["lm_internal.transformer as watched"]
        assert math.isclose(total, sum(seconds.values()), rel_tol=1e-9)
    for name in ("forward-8-float16", "decode-16-float16"):
        text = (tmp_path / "bench-explain" / f"{name}.txt").read_text("utf-8")
        assert "Recursive Union" in text and "actual time" in text and "Buffers:" in text


def test_beside_transformers(
    server_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], one_thread: None
) -> None:
    pytest.importorskip("transformers")
    plan = replace(
        SMALL, dtypes=("float32",), decode=(8,), several=None, together=None, corpus=0, memory=()
    )
    outcome = measure(server_dsn, tmp_path, capsys, plan)
    for row in outcome.data["rows"]:
        ours, others = (statistics.median(row[side]) for side in ("ours", "theirs"))
        assert (row["ours_median"], row["theirs_median"]) == (ours, others)
        assert math.isclose(row["ratio"], ours / others)
        if row["unit"] == "s":
            assert len(row["ours"]) == len(row["theirs"])
        if row["key"].startswith(("decode-8", "example")):
            assert row["note"] in ("the same tokens", "")
    (logits,) = outcome.data["differences"]
    print(f"{logits['name']}: largest difference of logits {logits['largest']:.1e}")
    assert logits["largest"] <= 1e-3
    assert logits["same_choice"]


def test_what_was_measured_survives_an_interruption(
    server_dsn: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    alone: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ours, "generate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure(server_dsn, tmp_path, capsys, replace(SMALL, decode=(8,)))
    data = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert not data["complete"]
    assert [row["key"] for row in data["rows"]] == [
        "load", "tokenizer", "forward-8", "logits-8", "decode-8",
    ]  # fmt: skip
    assert "cut short" in capsys.readouterr().out


def test_prompts_have_the_length_asked_for(connection: psycopg.Connection) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    reference = tokenizers.Tokenizer.from_file(str(DEMO_MODEL / "tokenizer.json"))
    ours = Ours(connection, "demo")
    for n_tokens, count in ((1, 1), (7, 1), (32, 8), (500, 1)):
        prompts = ours.prompts(n_tokens, count)
        assert len({prompt.text for prompt in prompts}) == count
        for prompt in prompts:
            assert len(prompt.tokens) == n_tokens
            assert reference.encode(prompt.text).ids == prompt.tokens


def test_article_without_a_database(
    connection: psycopg.Connection, tmp_path: Path, one_thread: None
) -> None:
    """What theirs computes from a shell is what ours computes, so that the times compare."""
    pytest.importorskip("transformers")
    pandas = pytest.importorskip("pandas")
    text = tmp_path / "prompt.txt"
    text.write_text(prose(300), "utf-8")
    article.main(DEMO_MODEL, text, tmp_path / "out")
    found = pandas.read_csv(tmp_path / "out" / "coefficients.csv")
    run = connection.execute("SELECT lm.forward(%s, model => 'demo')", (prose(300),)).fetchone()
    rows = connection.execute(
        """
        SELECT o.beta_lag1, o.beta_lag2, o.p_lag1, o.p_lag2
        FROM lm.lag_ols(%s) AS o
        ORDER BY o.layer
        """,
        ([run[0]],),
    ).fetchall()
    theirs_rows = found[["beta_lag1", "beta_lag2", "p_lag1", "p_lag2"]].to_numpy()
    difference = float(np.abs(theirs_rows - np.array(rows)).max())
    print(f"slopes and p-values: largest difference {difference:.1e}")
    assert len(rows) == 8
    assert difference <= 1e-4
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {
        ".csv", ".txt", ".png", ".svg",
    }  # fmt: skip


def test_time_of_a_stage_is_without_those_it_reads() -> None:
    def node(kind: str, ms: float, loops: int = 1, **more: Any) -> dict[str, Any]:
        return {"Node Type": kind, "Actual Total Time": ms, "Actual Loops": loops, **more}

    # c takes 10 ms of its own and reads b first; b takes 5 and reads a; the top reads a again
    plan = node(
        "Nested Loop", 20.0, Plans=[
            node("Result", 2.0, 2, **{"Subplan Name": "CTE a"}),
            node("Result", 9.0, **{"Subplan Name": "CTE b", "Plans": [
                node("CTE Scan", 2.0, 2, **{"CTE Name": "a"}),
            ]}),
            node("Result", 19.0, **{"Subplan Name": "CTE c", "Plans": [
                node("CTE Scan", 9.0, **{"CTE Name": "b"}),
            ]}),
            node("CTE Scan", 19.0, **{"CTE Name": "c"}),
            node("CTE Scan", 0.0, **{"CTE Name": "a"}),
        ],
    )  # fmt: skip
    assert stage_times(plan) == pytest.approx({"a": 0.004, "b": 0.005, "c": 0.010})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "gpt5"}, "unknown size gpt5"),
        ({"dtypes": ["float8"]}, "unknown dtype float8"),
        ({"size": "demo", "tokenizer": Path()}, "leave out --tokenizer"),
        ({"json_path": Path("no/such/folder/bench.json")}, "there is no folder no/such/folder"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PsqlmError, match=message):
        bench.main("dbname=nowhere", **options)


def test_before_and_after(
    server_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: None
) -> None:
    before = {
        "started": "2024-05-01T10:00:00+00:00",
        "model": {"size": "gpt2"},
        "rows": [
            {"key": "load", "dtype": "float16", "ours_median": 1e6, "theirs_median": None},
            {"key": "forward-8", "dtype": "float32", "ours_median": 1.0, "theirs_median": 1.0},
        ],
    }
    (tmp_path / "before.json").write_text(json.dumps(before))
    plan = replace(
        SMALL,
        dtypes=("float16",),
        forward=(),
        decode=(),
        several=None,
        together=None,
        corpus=0,
        memory=(),
        logits=False,
    )
    bench.main(server_dsn, before=tmp_path / "before.json", size="demo", plan=plan)
    printed = capsys.readouterr().out.split("Since 2024-05-01T10:00:00+00:00")
    assert "Before it was another model, gpt2." in printed[0]
    (row,) = [line for line in printed[1].splitlines() if line.rstrip().endswith("×")]
    assert row.strip().startswith("load from safetensors, float16")
    assert "1,000,000 s" in row and row.split()[-2:] == ["0.00", "×"]


@pytest.mark.parametrize("contents", ["", "[]", '{"rows": []}', '{"model": {"size": 1}}'])
def test_what_is_no_benchmark_is_refused_before_work(
    server_dsn: str, tmp_path: Path, contents: str
) -> None:
    path = tmp_path / "before.json"
    with pytest.raises(PsqlmError, match=r"there is no .*before\.json: psqlm bench --json"):
        bench.main(server_dsn, before=path, size="demo")
    path.write_text(contents)
    with pytest.raises(PsqlmError, match=r"before\.json is not what psqlm bench --json wrote"):
        bench.main(server_dsn, before=path, size="demo")
