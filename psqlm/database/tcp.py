"""The embedded server on a port of 127.0.0.1, for tools that speak TCP only.

They come in as a role that may read, with a password. The socket stays as it is, and everybody else
stays outside.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from psqlm.database.rights import grant
from psqlm.errors import PsqlmError

ADDRESS = "127.0.0.1"
ROLE = "psqlm_tcp"
DATABASE = "postgres"

PATIENCE = 2.0
"""Seconds in which sessions of commands that have ended are gone too."""

# The first line that fits counts. What initdb wrote trusts everybody who comes from this machine,
# so no line of it that is for TCP may be reached.
RULES = f"""\
host {DATABASE} {ROLE} {ADDRESS}/32 scram-sha-256
host all all all reject
host replication all all reject
include pg_hba.conf
"""


def settings(data: Path, port: int) -> dict[str, str]:
    """Settings of a server that listens there; its rules are written."""
    rules = data / "psqlm_hba.conf"
    rules.unlink(missing_ok=True)
    with rules.open("x") as file:  # a new file, even if there is a link of that name
        file.write(RULES)
    return {"listen_addresses": ADDRESS, "port": str(port), "hba_file": str(rules)}


def port_of(data: Path) -> int | None:
    """The port that a running server listens on; None if it has its socket alone."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return int(lines[3]) if lines[5].strip() else None
    except (OSError, ValueError, IndexError):
        return None


def require_free(port: int) -> None:
    """Refuse a port that another program has.

    Raises:
        PsqlmError: one has, or this user may not have it.
    """
    with socket.socket() as probe:
        # as PostgreSQL does: connections that have ended are in nobody's way
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PsqlmError(
                    f"port {port} of {ADDRESS} is in use: give --port another number"
                ) from error
            raise PsqlmError(
                f"port {port} of {ADDRESS} cannot be had ({error.strerror}): "
                "give --port a number from 1024 to 65535"
            ) from error


def require_alone(dsn: str) -> None:
    """Refuse to end a server that others are connected to.

    Raises:
        PsqlmError: some are.
    """
    until = time.monotonic() + PATIENCE
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchone()
            if row in (None, (0,)):
                return
            if row is not None and time.monotonic() > until:
                raise PsqlmError(
                    f"the server has to be started again, and {row[0]} are connected: end their "
                    "sessions, or psqlm stop, then the same command"
                )
            time.sleep(0.05)


def password(folder: Path) -> str:
    """The password, which is made once, in a file that only its user can read."""
    path = folder / "tcp-password"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    made = secrets.token_urlsafe(24)
    with os.fdopen(file, "w") as opened:
        opened.write(made + "\n")
    return made


def dsn(folder: Path, port: int) -> str:
    """Connection string over TCP."""
    return f"postgresql://{ROLE}:{quote(password(folder))}@{ADDRESS}:{port}/{DATABASE}"


def make_role(connection: psycopg.Connection, word: str) -> None:
    """Make the role that comes in by TCP, with this password; it may read, and nothing else.

    Args:
        connection: as a superuser, to a database with psqlm's SQL.
        word: the password, of which the server is told a hash.
    """
    role = sql.Identifier(ROLE)
    hashed = connection.pgconn.encrypt_password(word.encode(), ROLE.encode(), b"scram-sha-256")
    with connection.transaction():
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        connection.execute(
            sql.SQL(
                "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
                " PASSWORD {}"
            ).format(role, sql.Literal(hashed.decode()))
        )
    grant(connection, ROLE, "reader")
