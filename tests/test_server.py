"""The embedded server: no set-up, one per folder, there until it is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from psqlm.database.server import EmbeddedServer
from psqlm.database.settings import MB, machine_memory, settings
from psqlm.errors import PsqlmError

GB = 1024 * MB


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a space in its name; its server is stopped at the end."""
    # not under pytest's own temporary folder: root's server runs as another user
    folder = Path(tempfile.mkdtemp(prefix="psqlm test "))
    yield folder
    EmbeddedServer(folder).stop()
    shutil.rmtree(folder)


def psqlm(home: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PSQLM_DSN"}
    return subprocess.run(
        [sys.executable, "-m", "psqlm", *arguments],
        env=environment | {"PSQLM_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_from_nothing_to_a_query_and_back(home: Path) -> None:
    """All by the command line, silent but for what was asked."""
    assert psqlm(home, "stop").stderr == "no embedded server is running\n"
    first = psqlm(home, "sql", "-At", "-c", "SELECT count(*) FROM lm.model")
    assert (first.stdout, first.stderr, first.returncode) == ("0\n", "", 0)
    process = EmbeddedServer(home)._process()
    assert process is not None
    second = psqlm(home, "dsn")
    assert (second.stderr, second.returncode) == ("", 0)
    with psycopg.connect(second.stdout.strip()) as connection:  # quoted, in spite of the space
        assert connection.execute(
            "SELECT current_setting('server_encoding'), lower('ÄÇ')"
        ).fetchone() == ("UTF8", "äç")
    assert EmbeddedServer(home)._process() == process  # it ran on between the commands
    assert psqlm(home, "stop").stderr == "stopped\n"
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert psqlm(home, "stop").stderr == "no embedded server is running\n"


def test_settings_reach_the_server_and_the_user_has_the_last_word(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for name, value in settings(machine_memory()).items():
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            if value.endswith("B"):  # 1GB is 1024MB
                row = connection.execute(
                    "SELECT pg_size_bytes(current_setting(%s)) = pg_size_bytes(%s)", (name, value)
                ).fetchone()
                assert row == (True,), name
            else:
                assert row == (value,), name
        connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
    assert server.stop()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)


@pytest.mark.parametrize(
    ("memory", "shared_buffers"), [(GB // 2, 256), (2 * GB, 512), (8 * GB, 2048), (256 * GB, 8192)]
)
def test_memory_fits_the_machine(memory: int, shared_buffers: int) -> None:
    assert settings(memory)["shared_buffers"] == f"{shared_buffers}MB"


def test_commands_that_start_together_share_one_server(home: Path) -> None:
    commands = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "psqlm",
                "sql",
                "-At",
                "-c",
                "SELECT pg_postmaster_start_time()",
            ],
            env={k: v for k, v in os.environ.items() if k != "PSQLM_DSN"}
            | {"PSQLM_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [command.communicate(timeout=120) for command in commands]
    assert {error for _, error in answers} == {""}
    assert len({output for output, _ in answers}) == 1


def test_it_comes_back_after_a_crash(home: Path) -> None:
    server = EmbeddedServer(home)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS a")
        connection.execute("CHECKPOINT")
    process = server._process()
    assert process is not None
    family = [process, *process.children()]
    for member in family:
        member.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=30)
    # its number may be another process's by now: here, this one's
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("TABLE kept").fetchone() == (1,)


def test_a_long_path(home: Path) -> None:
    """Longer than the path of a socket may be."""
    server = EmbeddedServer(home / ("long" * 30))
    try:
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stat_mode(server.socket) == 0o700
    finally:
        server.stop()
        shutil.rmtree(server.socket)


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_its_user_reaches_it(home: Path) -> None:
    server = EmbeddedServer(home)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert stat_mode(server.data) == 0o700
    assert server.socket == server.data


def test_a_start_that_was_cut_off_leaves_no_half_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer(home)

    def interrupt(path: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "rename", interrupt)
        server.start()
    assert not server.data.exists()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = psqlm(tmp_path / "file" / "home", "models")
    assert result.returncode == 1
    assert result.stderr.startswith(f"psqlm: cannot write to {tmp_path / 'file' / 'home'}")
    assert "set PSQLM_HOME" in result.stderr


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_connections = 1")
    server.stop()
    with pytest.raises(PsqlmError, match=r"the embedded server failed \(pg_ctl: .*max_connections"):
        server.start()
    (server.data / "postgresql.auto.conf").write_text("")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can be another user")
def test_a_user_without_rights(home: Path) -> None:
    import pwd

    nobody = pwd.getpwnam("nobody")
    identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    readable = subprocess.run(
        [sys.executable, "-c", "import psqlm"],
        cwd="/",
        capture_output=True,
        check=False,
        **identity,
    )
    if readable.returncode:
        pytest.skip("nobody may not read this Python's packages")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    environment = {k: v for k, v in os.environ.items() if k != "PSQLM_DSN"}
    for arguments, said in (
        (["sql", "-At", "-c", "SELECT current_user"], "postgres\n"),
        (["stop"], ""),
    ):
        result = subprocess.run(
            [sys.executable, "-m", "psqlm", *arguments],
            cwd="/",
            env=environment | {"PSQLM_HOME": str(home), "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
            **identity,
        )
        assert (result.returncode, result.stdout) == (0, said), result.stderr


def test_stopping_takes_no_longer_than_its_queries(home: Path) -> None:
    """A query under way is cancelled, not waited for."""
    server = EmbeddedServer(home)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        sleeping = subprocess.Popen(
            [server.binaries / "psql", server.dsn, "-c", "SELECT pg_sleep(600)"],
            stderr=subprocess.DEVNULL,
        )
        sleeps = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        until = time.monotonic() + 15
        while connection.execute(sleeps).fetchone() == (False,) and time.monotonic() < until:
            time.sleep(0.1)
    assert server.stop()
    assert sleeping.wait(timeout=30) != 0
