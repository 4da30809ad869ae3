"""The state of the database in use: server, models, runs, what runs now, what is left over.

Nothing is started or installed to find out.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg.rows import dict_row

from psqlm.database import leftovers
from psqlm.database.connection import connect
from psqlm.database.installation import digest, installed
from psqlm.database.processes import server_of
from psqlm.database.server import EmbeddedServer

Facts = dict[str, Any]

QUERIES = {
    "models": """
        SELECT m.name, m.dtype, s.bytes, m.is_default
        FROM lm.model AS m
        INNER JOIN lm.model_storage AS s USING (model_id)
        ORDER BY m.name
    """,
    "runs": """
        SELECT
            count(*) AS runs,
            COALESCE(sum(cardinality(r.token_ids)), 0)::bigint AS tokens,
            count(DISTINCT r.owner) AS owners,
            lm.runs_are_private() AS private
        FROM lm.run AS r
    """,
    "sites": """
        SELECT s.site::text, s.capture_dtype, s.n_run, s.n_token::bigint, s.bytes,
            s.bytes / NULLIF(s.n_token, 0)::bigint AS bytes_per_token
        FROM lm.run_storage AS s
    """,
    "running": """
        SELECT p.id, p.what, p.model, p.done::float8, p.total::float8, p.unit, p.rate::float8,
            p.since::text, p.role, p.pids
        FROM lm.progress AS p
    """,
    # weights of models that are gone; generations that ended without a commit being told
    "left": """
        SELECT
            (
                SELECT count(*)
                FROM pg_inherits AS i
                INNER JOIN pg_class AS c ON c.oid = i.inhrelid
                WHERE i.inhparent IN (
                    'lm.token_embedding'::regclass, 'lm.unembedding'::regclass,
                    'lm.linear'::regclass
                )
                    AND pg_get_expr(c.relpartbound, c.oid) NOT IN (
                        SELECT format('FOR VALUES IN (%s)', m.model_id) FROM lm.model AS m
                    )
            ) AS tables,
            (SELECT count(*) FROM lm.generation AS g WHERE NOT g.keep) AS generations,
            (SELECT count(*) FROM lm.generation AS g WHERE g.keep) AS kept_generations,
            (SELECT COALESCE(sum(t.unused), 0)::bigint FROM lm.table_storage AS t) AS unused_bytes
    """,
}


def status(dsn: str | None = None) -> Facts:
    """What there is to know, as numbers, texts, lists and dictionaries.

    Args:
        dsn: as for connect.

    Raises:
        PsqlmError: a server that is named does not answer, or the role has no rights there.
    """
    named = dsn or os.environ.get("PSQLM_DSN")
    if named:
        with connect(named, installs=False) as connection:
            return {"server": _named_server(connection), **_contents(connection)}
    server = EmbeddedServer()
    process = server_of(server.data)
    facts: Facts = {
        "server": {
            "kind": "embedded",
            "folder": str(server.home),
            "running": process is not None,
            "pid": None if process is None else process.pid,
            "version": _version_of(server),
            "data_bytes": leftovers.folder_size(server.data),
            "log_bytes": leftovers.folder_size(server.data / "pg_wal"),
        }
    }
    if process is None:
        found = leftovers.find(server, None)
    else:
        with connect(server.dsn, installs=False) as connection:
            facts["server"]["version"] = _version(connection)
            facts |= _contents(connection)
            found = leftovers.find(server, connection)
    facts["leftovers"] = facts.get("leftovers", {}) | {
        "files": None if found.files is None else len(found.files),
        "folders": len(found.folders),
        "bytes": found.size,
    }
    return facts


def _contents(connection: psycopg.Connection) -> Facts:
    """What psqlm has in a database."""
    there = installed(connection)
    if there != digest():
        return {"installed": "no" if there is None else "another version"}
    facts: Facts = {"installed": "yes"}
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        rows = {name: cursor.execute(query).fetchall() for name, query in QUERIES.items()}
    (runs,), (left,) = rows["runs"], rows["left"]
    return facts | {
        "models": rows["models"],
        "runs": {**runs, "sites": rows["sites"]},
        "running": rows["running"],
        "leftovers": left,
    }


def _named_server(connection: psycopg.Connection) -> Facts:
    info = connection.info
    return {
        "kind": "named",
        "host": info.host,
        "port": info.port,
        "database": info.dbname,
        "role": info.user,
        "version": _version(connection),
        "data_bytes": _database_size(connection),
    }


def _version(connection: psycopg.Connection) -> str:
    return connection.info.parameter_status("server_version") or "unknown"


def _version_of(server: EmbeddedServer) -> str | None:
    """The version of data whose server is not running; None: there are none yet."""
    try:
        return (server.data / "PG_VERSION").read_text().strip()
    except OSError:
        return None


def _database_size(connection: psycopg.Connection) -> int:
    with connection.transaction():
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None  # noqa: S101 (a function's value)
    return int(row[0])
