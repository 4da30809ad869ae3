"""Runs as Parquet: a damaged folder is refused, and the commands say what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from carried import Carried
from typer.testing import CliRunner, Result

from psqlm.cli import app
from psqlm.parquet.manifest import hash_of


def psqlm(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="psqlm")


@pytest.fixture
def copy(carried: Carried, tmp_path: Path) -> Path:
    return Path(shutil.copytree(carried.folder, tmp_path / "copy"))


def first(folder: Path, table: str) -> Path:
    return min((folder / table).rglob("*.parquet"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    said = json.loads(path.read_text("utf-8"))
    change(said)
    path.write_text(json.dumps(said), "utf-8")


def cut(folder: Path) -> None:
    path = first(folder, "activation")
    path.write_bytes(path.read_bytes()[:-10])


def flip(folder: Path) -> None:
    path = first(folder, "activation")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(folder: Path, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change rows, and make the manifest fit."""
    path = first(folder, table)
    there = pq.ParquetFile(path).read()
    made = pa.Table.from_pandas(change(there.to_pandas()), schema=there.schema)
    pq.write_table(made, path)
    name = path.relative_to(folder).as_posix()
    edit(
        folder,
        lambda said: said["files"].update(
            {
                name: {
                    "rows": made.num_rows,
                    "bytes": path.stat().st_size,
                    "sha256": hash_of(path),
                }
            }
        ),
    )


def forget(folder: Path) -> None:
    """A part that neither the folder nor the manifest has."""
    path = first(folder, "activation")
    path.unlink()
    edit(folder, lambda said: said["files"].pop(path.relative_to(folder).as_posix()))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (
        lambda f: (f / "manifest.json").unlink(),
        "has no manifest.json: name a folder",
    ),
    "half a manifest": (
        lambda f: (f / "manifest.json").write_text((f / "manifest.json").read_text()[:200]),
        "manifest.json is not one of psqlm's",
    ),
    "another layout": (lambda f: edit(f, lambda m: m.update(layout=9)), "has layout 9 and this"),
    "no plans": (lambda f: edit(f, lambda m: m.pop("plans")), "lacks something"),
    "another plan": (
        lambda f: edit(f, lambda m: next(iter(m["plans"].values()))["capture"].pop()),
        "is not what its key says",
    ),
    "a file cut": (cut, "bytes instead of"),
    "a bit turned": (flip, "has changed since it was written"),
    "a part missing": (lambda f: first(f, "activation").unlink(), "is missing"),
    "a part missing and not in the manifest": (forget, "rows of "),
    "a file too many": (
        lambda f: shutil.copy(first(f, "token"), first(f, "token").with_name("more.parquet")),
        "does not know token/",
    ),
    "a file from elsewhere": (
        lambda f: edit(f, lambda m: m["files"].update({"text/../../x": m["files"].popitem()[1]})),
        "which is no part of the layout",
    ),
    "a number of rows": (
        lambda f: edit(f, lambda m: [file.update(rows=2) for file in m["files"].values()]),
        "rows instead of 2",
    ),
    "a row without its text": (
        lambda f: rewrite(f, "token", lambda t: t.assign(text_id=None)),
        "null value in column",
    ),
    "a token gone": (lambda f: rewrite(f, "token", lambda t: t[1:]), "has others than the tokens"),
    "a token from nowhere": (
        lambda f: rewrite(f, "token", lambda t: t.assign(token_id=10**6)),
        "not in the model's vocabulary",
    ),
    "another text": (
        lambda f: rewrite(
            f, "text", lambda t: t.assign(text=t["text"] + "!", n_tokens=t["n_tokens"])
        ),
        "is another than its key says",
    ),
    "a vector gone": (lambda f: rewrite(f, "activation", lambda t: t[1:]), "rows of "),
    "a vector twice": (
        lambda f: rewrite(f, "activation", lambda t: pd.concat([t[1:2], t[1:]])),
        "duplicate key",
    ),
    "a layer too high": (
        lambda f: rewrite(f, "activation", lambda t: t.assign(layer=99)),
        "has rows where the plan kept none",
    ),
    "an infinite number": (
        lambda f: rewrite(
            f,
            "activation",
            lambda t: t.assign(value=[v * 0 + np.float32(np.inf) for v in t["value"]]),
        ),
        "infinite value not allowed in vector",
    ),
    "no number": (
        lambda f: rewrite(
            f, "activation", lambda t: t.assign(value=[v * np.nan for v in t["value"]])
        ),
        "has vectors that are not of float32",
    ),
    "an edge too many": (
        lambda f: rewrite(f, "pattern", lambda t: t.assign(position=0)),
        "pattern has rows where the plan kept none",
    ),
    "a logit gone": (lambda f: rewrite(f, "logit", lambda t: t[1:]), "rows of logits"),
    "a tag of nothing": (
        lambda f: rewrite(f, "text", lambda t: t[:0]),
        "is not in the table text",
    ),
}


@pytest.fixture(scope="module")
def target(create_database: Callable[..., str], demo_template: str) -> str:
    return create_database("psqlm_import_bad", template=demo_template)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder_is_one_line_and_nothing_is_written(
    copy: Path, target: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    damage, message = DAMAGE[name]
    damage(copy)
    monkeypatch.setenv("PSQLM_DSN", target)
    result = psqlm("import", str(copy))
    assert result.exit_code == 1, result
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with psycopg.connect(target) as connection:
        for table in ("run", "activation", "attention_adjustment", "logit", "tag", "intervention"):
            assert connection.execute(f"SELECT count(*) FROM lm.{table}").fetchone() == (0,)


def test_commands(
    carried: Carried, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSQLM_DSN", carried.dsn)
    out = tmp_path / "below" / "out"
    result = psqlm("export", "--runs", "1,2,6", "--out", str(out), "--sites", "pattern,logits")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "left out: 1 run that kept nothing of pattern, logits" in result.stderr
    assert "2 runs in" in result.stderr
    result = psqlm("export", "--runs", "1", "--out", str(out))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"psqlm: {out} is there and not empty: give --out a new folder\n"
    for which, message in (
        ("77", "there are no runs 77"),
        ("tag:source=nobody", "there is no such run"),
        ("some", '"some" names no runs'),
    ):
        result = psqlm("export", "--runs", which, "--out", str(tmp_path / "no"))
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    result = psqlm("export", "--runs", "6", "--out", str(tmp_path / "no"), "--sites", "logits")
    assert "none of these runs kept logits" in result.stderr
    # nothing is left of what failed
    assert [path.name for path in tmp_path.iterdir()] == ["below"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    monkeypatch.setenv("PSQLM_DSN", target)
    result = psqlm("import", str(out))
    assert (result.exit_code, result.stderr) == (0, "imported 2 runs\n")
    first_run, last_run = map(int, result.stdout.strip().split("-"))
    with psycopg.connect(target, autocommit=True) as connection:
        assert connection.execute("SELECT DISTINCT capture::text FROM lm.run").fetchall() == [
            ("{pattern,logits}",)
        ]
        connection.execute("SELECT lm.drop_runs(ARRAY[%s, %s]::bigint[])", (first_run, last_run))


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, carried: Carried) -> None:
    script = (
        "import sys; sys.modules['pyarrow'] = None; from psqlm.cli import main;"
        f" main('export', '--runs=1', '--out', {str(tmp_path / 'out')!r}, '--dsn', {carried.dsn!r})"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "pip install 'psqlm[parquet]'" in result.stderr
    assert list(tmp_path.iterdir()) == []
