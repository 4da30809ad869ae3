"""What the shell completes: names that a database knows, if one answers at once.

No server is started for it, and nothing is installed: without an answer nothing is offered.
"""

from __future__ import annotations

import os


def models(incomplete: str) -> list[str]:
    """Names of the loaded models."""
    return _ask("SELECT name FROM lm.model ORDER BY name", incomplete)


def sites(incomplete: str) -> list[str]:
    """Names of the sites."""
    return _ask("SELECT unnest(enum_range(NULL::lm.site))::text", incomplete)


def sets(incomplete: str) -> list[str]:
    """Names of the sets of interventions."""
    return _ask("SELECT DISTINCT set_name FROM lm.intervention ORDER BY 1", incomplete)


def _ask(query: str, incomplete: str) -> list[str]:
    import psycopg

    from psqlm.database.processes import server_of
    from psqlm.database.server import EmbeddedServer

    dsn = os.environ.get("PSQLM_DSN")
    if dsn is None:
        server = EmbeddedServer()
        if server_of(server.data) is None:
            return []
        dsn = server.dsn
    try:
        with psycopg.connect(dsn, connect_timeout=2, options="-c statement_timeout=2s") as opened:
            names = [name for (name,) in opened.execute(query.encode())]
    except psycopg.Error:
        return []
    return [name for name in names if name.startswith(incomplete)]
