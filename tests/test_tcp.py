"""psqlm start --port: a door on 127.0.0.1 for one role that may read, and for nobody else."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import server_folder
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from psqlm.database.server import EmbeddedServer


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = server_folder("psqlm tcp ")
    yield folder
    EmbeddedServer(folder).stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def psqlm(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PSQLM_DSN"}
    return subprocess.run(
        [sys.executable, "-m", "psqlm", *arguments],
        env=environment | {"PSQLM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def dsn(home: Path, port: int) -> str:
    """Over TCP."""
    started = psqlm(home, "start", "--port", str(port))
    assert (started.returncode, started.stdout) == (0, "")
    assert started.stderr == f"listening on 127.0.0.1:{port}; next: psqlm dsn --tcp\n"
    return psqlm(home, "dsn", "--tcp").stdout.strip()


def test_who_has_the_password_may_read(home: Path, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as tool:
        assert tool.execute("SELECT count(*) FROM lm.activation_array").fetchone() == (0,)
        assert tool.execute("SELECT count(*) FROM lm.adjustment_array").fetchone() == (0,)
        for forbidden in (
            "DELETE FROM lm.run",
            "INSERT INTO lm.tag (run_id, name, value) VALUES (1, 'a', 'b')",
            "CREATE TABLE lm.mine ()",
            "CREATE TABLE public.mine ()",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SET ROLE postgres",
            "ALTER ROLE psqlm_tcp SUPERUSER",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                tool.execute(forbidden)
    with psycopg.connect(EmbeddedServer(home).dsn) as owner:
        stored = owner.execute(
            "SELECT rolpassword, rolsuper FROM pg_authid WHERE rolname = 'psqlm_tcp'"
        ).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
    assert stored[1] is False


def test_nobody_else_comes_in(dsn: str) -> None:
    word = str(conninfo_to_dict(dsn)["password"])
    for other, reason in (
        ({"password": word + "x"}, "password authentication failed"),
        ({"password": ""}, "no password supplied"),
        ({"user": "postgres"}, "pg_hba.conf rejects connection"),
        ({"dbname": "template1"}, "pg_hba.conf rejects connection"),
        ({"user": "postgres", "replication": "true"}, "max_wal_senders|rejects replication"),
    ):
        with pytest.raises(psycopg.OperationalError, match=reason):
            psycopg.connect(make_conninfo(dsn, **other))


def test_the_password_is_a_file_of_its_users_alone(home: Path, dsn: str) -> None:
    file = home / "tcp-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == conninfo_to_dict(dsn)["password"]
    assert len(file.read_text().strip()) >= 32


def test_the_socket_is_where_it_was(home: Path, dsn: str) -> None:
    plain = psqlm(home, "dsn").stdout.strip()
    assert plain == EmbeddedServer(home).dsn
    with psycopg.connect(plain) as owner:
        assert owner.execute("SELECT current_user::text, inet_client_addr()").fetchone() == (
            "postgres",
            None,
        )


def test_a_port_in_use_is_one_line(home: Path, dsn: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        result = psqlm(home, "start", "--port", str(number))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"psqlm: port {number} of 127.0.0.1 is in use: give --port another number\n"
    )
    psycopg.connect(dsn).close()  # the server that ran still runs


def test_it_ends_with_a_plain_start(home: Path, port: int, dsn: str) -> None:
    server = EmbeddedServer(home)
    with psycopg.connect(dsn):
        server.listen(port)  # the same: nothing to do
        result = psqlm(home, "start")
    assert result.returncode == 1
    assert "1 are connected: end their sessions, or psqlm stop" in result.stderr
    assert psqlm(home, "start").stderr == "started; next: psqlm sql\n"
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(dsn)
    result = psqlm(home, "dsn", "--tcp")
    assert result.returncode == 1
    assert result.stderr == "psqlm: the embedded server has no port: psqlm start --port 5433\n"
    # the password stays, for tools keep it
    server.listen(port)
    psycopg.connect(dsn).close()
    assert server.stop()
    with psycopg.connect(server.start()) as owner:  # as any command does
        assert owner.execute("SHOW listen_addresses").fetchone() == ("",)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(dsn)
