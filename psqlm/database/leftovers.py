"""What crashes leave behind and PostgreSQL never removes, in the files of the embedded server.

When a server dies in the middle of a load, the files of the new tables stay, and no catalog knows
them.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import psycopg

from psqlm.database import system_user
from psqlm.database.server import EmbeddedServer


@dataclass(frozen=True)
class Leftovers:
    """Files and folders that nothing needs.

    Attributes:
        files: of tables that were never committed; None where that cannot be told, for others are
            connected, whose new tables nobody else sees.
        folders: of first starts that were killed.
    """

    files: list[Path] | None
    folders: list[Path]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(map(folder_size, self.folders)) + sum(
            path.stat().st_size for path in self.files or () if path.exists()
        )


def folder_size(folder: Path) -> int:
    """Bytes of a folder's files; 0 where it is not there or may not be read."""
    size = 0
    with contextlib.suppress(OSError):
        for entry in folder.rglob("*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                if entry.is_file() and not entry.is_symlink():
                    size += entry.stat().st_size
    return size


def find(server: EmbeddedServer, connection: psycopg.Connection | None) -> Leftovers:
    """Look for leftovers; for files with a connection alone.

    Args:
        server: the embedded server.
        connection: to it, as a superuser, outside any transaction.
    """
    folders = sorted(server.home.glob(f"{system_user.UNFINISHED}*"))
    return Leftovers(None if connection is None else _orphans(server, connection), folders)


def _orphans(server: EmbeddedServer, connection: psycopg.Connection) -> list[Path] | None:
    """Files of the database that no table has.

    A file was made before it was listed. If nobody else is connected after that, whoever made it
    has ended; if that was by a commit, the catalog has it by then. And PostgreSQL gives no new
    table the name of a file that is there.
    """
    with connection.transaction():
        # what is dropped keeps an empty file until a checkpoint
        connection.execute("CHECKPOINT")
        listed = connection.execute(
            """
            SELECT d.oid::text, f.name, substring(f.name FROM '^\\d+')::oid
            FROM pg_database AS d
            CROSS JOIN pg_ls_dir('base/' || d.oid) AS f (name)
            WHERE d.datname = current_database() AND f.name ~ '^\\d+(_(fsm|vm|init))?(\\.\\d+)?$'
            """
        ).fetchall()
    with connection.transaction():
        row = connection.execute(
            """
            SELECT
                (
                    SELECT count(*) FROM pg_stat_activity AS a
                    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                )
                + (SELECT count(*) FROM pg_prepared_xacts)
            """
        ).fetchone()
    if row != (0,):
        return None
    with connection.transaction():
        known = {
            number
            for (number,) in connection.execute(
                "SELECT pg_relation_filenode(c.oid) FROM pg_class AS c"
                " WHERE pg_relation_filenode(c.oid) IS NOT NULL"
            )
        }
    return [
        server.data / "base" / database / name
        for database, name, number in listed
        if number not in known
    ]


def remove(server: EmbeddedServer, found: Leftovers) -> None:
    """Remove leftovers. If there are files among them, the server is stopped before.

    While it runs, its memory may hold pages of theirs.
    """
    if found.files:
        server.stop()
    with server.locked():
        for path in found.files or ():
            path.unlink(missing_ok=True)
        for folder in found.folders:
            shutil.rmtree(folder, ignore_errors=True)
