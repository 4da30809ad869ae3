"""A database for an executor, which all its Python workers share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg

from psqlm import loader
from psqlm.database import connect
from psqlm.database.server import EmbeddedServer
from psqlm.errors import PsqlmError
from psqlm.spark import keeper, servers
from psqlm.spark.setup import Setup

TRIES = 4
"""How often work is begun that a server that died has undone, before the task fails."""

Result = TypeVar("Result")


@dataclass
class _Open:
    """The connection of this process, and what it is to.

    Attributes:
        connection: the connection.
        setup: what has been seen to be there.
    """

    connection: psycopg.Connection
    setup: Setup


_open: list[_Open] = []


def with_model(setup: Setup, work: Callable[[psycopg.Connection], Result]) -> Result:
    """Do something with a database that has a model, again if the server dies meanwhile.

    Args:
        setup: the model and the server.
        work: is given a connection outside any transaction; it writes nothing that would be there
            twice.

    Raises:
        PsqlmError: the executor is gone, or its model is another than the job's.
    """
    for left in reversed(range(TRIES)):
        try:
            return work(_connection(setup))
        except psycopg.OperationalError as error:
            # SQLSTATEs of what is wrong with the statement are no reason to begin again
            if left == 0 or (error.sqlstate or "57P").startswith(("22", "23", "42")):
                raise
            _close()
    raise AssertionError


def _connection(setup: Setup) -> psycopg.Connection:
    """The connection of this process, opened if need be; the server and the model are there."""
    if _open and (_open[0].connection.closed or _open[0].setup != setup):
        _close()
    if not _open:
        connection = connect(_server(setup).dsn)
        try:
            _load(connection, setup)
        except BaseException:
            connection.close()
            raise
        _open.append(_Open(connection, setup))
    return _open[0].connection


def _close() -> None:
    for opened in _open:
        opened.connection.close()
    _open.clear()


@cache
def executor() -> servers.Process:
    """The executor that this Python process works for: its Java process.

    Raises:
        PsqlmError: it is gone.
    """
    parents = psutil.Process().parents()
    java = next((process for process in parents if process.name().startswith("java")), None)
    if java is None:
        raise PsqlmError("the executor of this task is gone: Spark runs the task elsewhere")
    return servers.process_of(java)


def _server(setup: Setup) -> EmbeddedServer:
    """The executor's server, which is running and has psqlm's SQL."""
    mine = executor()
    with servers.locked(str(mine.pid)):
        if mine.find() is None:
            raise PsqlmError("the executor of this task is gone: Spark runs the task elsewhere")
        owned = next(
            (
                owned
                for entry in servers.registry().glob(f"{mine.pid}-*.json")
                if (owned := servers.read(entry)) and owned.executor.find()
            ),
            None,
        )
        if owned is None:
            servers.sweep()
            owned = servers.Owned(mine, _folder(mine))
            owned.write()
        _keep(owned)
        server = EmbeddedServer(owned.folder, chosen=setup.settings())
        server.start()
        connect(server.dsn).close()  # installs
    return server


def _keep(owned: servers.Owned) -> None:
    """See that a keeper is there."""
    known = None
    if owned.keeper.exists():
        pid, began = owned.keeper.read_text().split()
        known = servers.Process(int(pid), float(began))
    if known is None or known.find() is None:
        kept = keeper.start(owned)
        owned.keeper.write_text(f"{kept.pid} {kept.began}")


def _folder(mine: servers.Process) -> Path:
    """A new folder in the executor's scratch space, or in the machine's for temporary files.

    PostgreSQL does not run as root, and the user that it runs as then may not pass through the
    folders of Spark.
    """
    scratch = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")
    for candidate in (*filter(None, scratch), tempfile.gettempdir()):
        parent = Path(candidate)
        if not os.access(parent, os.W_OK | os.X_OK):
            continue
        passable = all(path.stat().st_mode & 0o001 for path in (parent, *parent.parents))
        if os.geteuid() == 0 and not passable:
            continue
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"psqlm-{mine.pid}-"))
        if os.geteuid() == 0:
            folder.chmod(0o711)
        return folder
    raise PsqlmError("an executor has no folder to write to: set spark.local.dir to one")


def _load(connection: psycopg.Connection, setup: Setup) -> None:
    """Load the model if it is not there, and see that it is the one of the job."""
    mine = executor()
    with servers.locked(str(mine.pid)):
        found = _found(connection, setup)
        if found is None:
            _load_files(connection, setup)
            found = _found(connection, setup)
    if setup.sha256 is not None and found != (setup.sha256, setup.revision, setup.dtype):
        raise PsqlmError(
            f"the model {setup.source} of an executor is another than the driver's "
            f"({found} instead of {(setup.sha256, setup.revision, setup.dtype)}): "
            "name a folder or a commit that is the same everywhere"
        )


def _load_files(connection: psycopg.Connection, setup: Setup) -> None:
    source = setup.source
    if setup.archive is not None:
        from pyspark import SparkFiles

        source = SparkFiles.get(setup.archive)
    loader.load(connection, source, setup.name, setup.revision, setup.dtype)
    connection.commit()


def _found(connection: psycopg.Connection, setup: Setup) -> tuple[str, str | None, str] | None:
    row = connection.execute(
        "SELECT sha256, revision, dtype FROM lm.model WHERE name = %s", (setup.name,)
    ).fetchone()
    connection.commit()
    return row
