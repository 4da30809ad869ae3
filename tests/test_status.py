"""psqlm status tells how things are and changes nothing; psqlm vacuum removes what is left over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from conftest import server_folder
from typer.testing import CliRunner

from psqlm import database, loader
from psqlm.cli import app
from psqlm.database import leftovers
from psqlm.database.processes import server_of
from psqlm.database.server import EmbeddedServer
from psqlm.database.status import status
from psqlm.database.vacuum import vacuum


def psqlm(*arguments: str) -> str:
    """What a command prints, which must succeed."""
    result = CliRunner().invoke(app, arguments, prog_name="psqlm")
    assert result.exit_code == 0, result.stderr
    return result.stdout + result.stderr


# A server that is named ---------------------------------------------------------------------------


@pytest.fixture
def named(scratch_dsn: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PSQLM_DSN", scratch_dsn)
    return scratch_dsn


def test_models_runs_and_sites(named: str) -> None:
    with psycopg.connect(named) as connection:
        connection.execute("SELECT lm.forward('Once upon a time', capture => '{all}')")
        connection.execute(
            "SELECT lm.forward('Once upon', capture => '{z}', capture_layers => '{1}')"
        )
        connection.execute(
            "SELECT lm.forward('Once upon a', capture => '{z,logits}', capture_positions => '{-1}',"
            " top_logits => 5)"
        )
    facts = json.loads(psqlm("status", "--json"))
    assert facts["server"]["kind"] == "named"
    assert [model["name"] for model in facts["models"]] == ["demo"]
    assert facts["models"][0]["bytes"] > 8e6  # 2.2 million numbers of four bytes
    assert (facts["runs"]["runs"], facts["runs"]["tokens"]) == (3, 4 + 2 + 3)
    assert facts["running"] == []
    with psycopg.connect(named) as connection:
        counted = dict(
            connection.execute(
                "SELECT site::text, count(*) FROM lm.captured GROUP BY site"
                " UNION ALL SELECT 'logits', count(*) FROM lm.logit"
            ).fetchall()
        )
        estimated = dict(connection.execute("SELECT site::text, n_row FROM lm.run_storage"))
        sizes = connection.execute(
            """
            SELECT sum(s.bytes) FILTER (WHERE s.site NOT IN ('attn_out', 'logits')),
                pg_total_relation_size('lm.stored_activation')
            FROM lm.run_storage AS s
            """
        ).fetchone()
    assert estimated == counted
    assert sizes is not None and sizes[0] == pytest.approx(sizes[1], abs=30)
    said = psqlm("status").splitlines()
    assert said[1].startswith("models    demo: float32, ")
    assert said[2] == "runs      3 of 9 tokens"
    assert any(line.strip().startswith("z: ") and line.endswith("in 3 runs") for line in said)


def test_a_database_without_psqlm_stays_so(
    create_database: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = create_database("psqlm_bare")  # type: ignore[operator]
    assert status(dsn)["installed"] == "no"
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regnamespace('lm')").fetchone() == (None,)


def test_space_is_given_back(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(named) as connection:
        connection.execute(
            """
            WITH made AS (
                INSERT INTO lm.run (model_id, token_ids, capture)
                SELECT model_id, '{7}', '{z}' FROM lm.model
                RETURNING run_id
            )
            INSERT INTO lm.stored_activation (run_id, site, layer, position, value)
            SELECT run_id, 'z', 0, i, v.value
            FROM made
            CROSS JOIN generate_series(1, 1500) AS i
            CROSS JOIN LATERAL (
                SELECT array_agg(x.x)::vector AS value
                FROM (SELECT random() + 0 * i AS x FROM generate_series(1, 500)) AS x
            ) AS v
            """
        )
        kept = connection.execute("SELECT lm.forward('Once upon a time')").fetchone()
        connection.commit()
        connection.execute(
            "SELECT lm.drop_runs(array_agg(run_id)) FROM lm.run WHERE prompt IS NULL"
        )
    monkeypatch.setattr("psqlm.database.vacuum.PAYS", 1_000_000)
    done = vacuum(named)
    assert done.given_back > 1500 * 4 * 500
    assert (done.files, done.in_use) == (None, [])
    assert vacuum(named).given_back < 1e6
    with psycopg.connect(named) as connection:
        assert (
            kept == connection.execute("SELECT max(run_id) FROM lm.attention_adjustment").fetchone()
        )


def test_a_table_in_use_is_left_alone(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psqlm.database.vacuum.PAYS", 100_000)
    monkeypatch.setattr("psqlm.database.vacuum.PATIENCE", "100ms")
    with psycopg.connect(named) as reader:
        reader.execute("SELECT FROM lm.verification")
        with psycopg.connect(named, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO lm.verification SELECT model_id, now(), 'z', i, 0, 0, '', '', '', ''"
                " FROM lm.model, generate_series(1, 3000) AS i"
            )
            connection.execute("DELETE FROM lm.verification WHERE layer < 3000")
        assert "in use, and so left as they are: verification" in psqlm("vacuum")


# The embedded server ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    folder = server_folder()
    server = EmbeddedServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def embedded(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> EmbeddedServer:
    monkeypatch.delenv("PSQLM_DSN", raising=False)
    monkeypatch.setenv("PSQLM_HOME", str(server.home))
    return server


def test_nothing_is_started(embedded: EmbeddedServer) -> None:
    before = list(embedded.home.iterdir())
    facts = status()
    assert facts["server"]["running"] is False
    assert facts["server"]["version"] is None
    assert "embedded, not made yet" in psqlm("status")
    assert list(embedded.home.iterdir()) == before
    database.connect().close()
    assert embedded.stop()
    assert status()["server"]["running"] is False
    assert "not running" in psqlm("status")
    assert server_of(embedded.data) is None


def test_files_of_a_load_whose_session_was_killed(embedded: EmbeddedServer) -> None:
    connection = database.connect()
    process = connection.info.backend_pid

    def kill(done: int, total: int) -> None:
        if done > total / 2:
            os.kill(process, signal.SIGKILL)

    with pytest.raises(psycopg.OperationalError):
        loader.load(connection, "demo", progress=kill)
    connection.close()
    # the server starts again by itself
    deadline = time.monotonic() + 30
    ready = "ready to accept connections"
    while ready not in embedded.log.read_text().partition("reinitializing")[2]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (embedded.home / "new-psqlm-killed").mkdir()

    with database.connect() as watching:
        # a table of a session that goes on is nobody else's to see, let alone to remove
        with psycopg.connect(embedded.dsn) as other:
            other.execute("CREATE TABLE public.new AS SELECT 1 AS x")
            assert leftovers.find(embedded, watching).files is None
            assert "killed starts" in psqlm("status")
            other.commit()
        found = leftovers.find(embedded, watching)
    assert found.files and all(path.is_file() for path in found.files)
    assert status()["leftovers"]["files"] == len(found.files)
    done = vacuum()
    assert (done.files, done.folders) == (len(found.files), 1)
    assert not any(path.exists() for path in found.files)
    assert "leftovers none" in psqlm("status")
    # and nothing else has gone
    with database.connect() as connection:
        assert connection.execute("SELECT x FROM public.new").fetchone() == (1,)
        loader.load(connection, "demo")
        assert connection.execute("SELECT count(*) FROM lm.next_token('The', 3)").fetchone() == (3,)
    assert status()["server"]["running"] is True


def test_the_socket_and_the_files_are_the_users_alone(embedded: EmbeddedServer) -> None:
    embedded.start()
    # nobody else passes through it, whatever the modes of the files within
    assert embedded.data.stat().st_mode & 0o777 == 0o700
    socket = embedded.socket / ".s.PGSQL.5432"
    assert socket.is_socket()
    assert embedded.socket.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(embedded.dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
