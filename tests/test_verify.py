"""psqlm verify: a loaded model beside its own files in transformers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import family_models
import psycopg
import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from psqlm import database, loader
from psqlm.cli import app
from psqlm.errors import PsqlmError
from psqlm.verification import verify
from psqlm.verification.reference import Reference

pytest.importorskip("transformers")

TEXT = "the cat sat on the mat and the dog sat on the log"
# One of each family; among them every option that moves a site from one module to another.
MODELS = [name for name in family_models.MODELS if "," not in name] + [
    "gpt_neox, one after the other",
    "olmo2, biased",
    "qwen2, windows above",
]


@pytest.fixture(scope="module")
def own_database(make_database) -> str:
    return make_database("psqlm_verify")


@pytest.fixture
def connection(own_database: str) -> Iterator[psycopg.Connection]:
    """As the command line connects, which finds no schema but PostgreSQL's by itself."""
    with database.connect(own_database) as opened:
        yield opened
        opened.rollback()
        for (name,) in opened.execute("SELECT name FROM lm.model").fetchall():
            loader.drop(opened, name)


def _rows(connection: psycopg.Connection, query: str) -> set[tuple[object, ...]]:
    return set(connection.execute(query.encode()).fetchall())


@pytest.mark.parametrize("name", MODELS)
def test_every_site_and_layer_is_compared(
    connection: psycopg.Connection, tmp_path: Path, name: str
) -> None:
    folder = family_models.save(name, tmp_path / "model")
    loader.load(connection, str(folder))
    differences = verify(connection, "model", TEXT)
    for difference in differences:
        assert difference.largest <= 1e-3, difference
        assert difference.relative <= 1e-4, difference
    kept = _rows(connection, "SELECT site::text, layer FROM lm.verification")
    assert kept == {(d.site, d.layer) for d in differences}
    # all sites but one, which no module of transformers shows: the pattern is made from it
    expected = _rows(
        connection,
        """
        SELECT s.site::text, l.layer
        FROM lm.model AS m
        INNER JOIN lm.model_site AS s USING (model_id)
        CROSS JOIN generate_series(0, m.n_layer) AS l (layer)
        WHERE s.site <> 'attn_scores'
            AND CASE
                WHEN s.site IN ('embed', 'pos_embed') THEN l.layer = 0
                WHEN s.site IN ('ln_final', 'logits') THEN l.layer = m.n_layer
                ELSE l.layer < m.n_layer
            END
        """,
    )
    assert kept == expected
    assert _rows(connection, "SELECT count(*) FROM lm.run") == {(0,)}


def test_a_number_that_drifted_is_seen(connection: psycopg.Connection) -> None:
    loader.load(connection, "demo")
    connection.execute(
        "UPDATE lm.linear SET bias = bias + 0.5 WHERE layer = 3 AND map = 'v' AND unit = 7"
    )
    found = {(d.site, d.layer): d for d in verify(connection, "demo", TEXT)}
    assert found["v", 3].largest == pytest.approx(0.5, rel=1e-5)
    assert found["q", 3].relative <= 1e-4
    assert found["attn_out", 2].relative <= 1e-4
    assert found["attn_out", 3].relative > 1e-3
    assert found["logits", 8].relative > 1e-4


def test_rows_say_what_was_compared(connection: psycopg.Connection) -> None:
    import torch
    import transformers

    from psqlm import __version__

    loader.load(connection, "demo")
    verify(connection, "demo", TEXT)
    verify(connection, "demo")
    assert _rows(connection, "SELECT psqlm, transformers, torch FROM lm.verification") == {
        (__version__, transformers.__version__, torch.__version__)
    }
    assert len(_rows(connection, "SELECT prompt, verified_at FROM lm.verification")) == 2
    loader.drop(connection, "demo")
    assert _rows(connection, "SELECT count(*) FROM lm.verification") == {(0,)}


def test_a_float16_model_differs_by_its_rounding(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    folder = family_models.save("llama", tmp_path / "half")
    loader.load(connection, str(folder), dtype="float16")
    embed, *_, logits = verify(connection, "half", TEXT)
    assert 1e-6 < embed.relative < 1e-3
    assert 1e-6 < logits.relative < 1e-2


def test_other_weights_are_refused(connection: psycopg.Connection, tmp_path: Path) -> None:
    folder = family_models.save("llama", tmp_path / "mine")
    loader.load(connection, str(folder))
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"] *= 2
    save_file(tensors, path)
    with pytest.raises(PsqlmError, match=r'are not those that "mine" was loaded from: psqlm load'):
        verify(connection, "mine", TEXT)
    shutil.rmtree(folder)
    with pytest.raises(PsqlmError, match=r"no folder .*mine"):
        verify(connection, "mine", TEXT)


def test_the_reference_is_transformers_as_it_is(tmp_path: Path) -> None:
    """Watching changes nothing: the logits are those of the model that nobody watches."""
    from psqlm.loader.config import read_config

    folder = family_models.save("gemma2", tmp_path / "model")
    tokens = [5, 200, 17, 3, 99, 250, 1, 64, 33]
    watched = Reference(folder, read_config(folder / "config.json")).run(tokens)
    logits, attn_out = family_models.forward(folder, tokens)
    assert (watched["logits", 3][:, 0] == logits).all()
    for layer, expected in enumerate(attn_out):
        assert (watched["attn_out", layer][:, 0] == expected).all()


def test_the_command(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    result = CliRunner().invoke(app, ["verify", "demo", "--prompt", TEXT])
    assert result.exit_code == 0, result.stderr
    sites = [line.split()[0] for line in result.stdout.splitlines() if "e-" in line or "e+" in line]
    assert (sites[0], sites[-1], len(sites)) == ("embed", "logits", 18)
    refused = CliRunner().invoke(app, ["verify", "nobody"])
    assert refused.exit_code == 1
    assert 'no model named "nobody"' in refused.stderr


def test_without_transformers_one_line_says_what_to_install(scratch_dsn: str) -> None:
    hidden = (
        "import sys; sys.modules['transformers'] = None; sys.argv = ['psqlm', 'verify', 'demo'];"
        "import importlib.util as u; found = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name == 'transformers' else found(name, *rest);"
        "from psqlm.__main__ import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", hidden],
        env={"PSQLM_DSN": scratch_dsn, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        "psqlm: psqlm verify compares with transformers: pip install transformers\n"
    )
