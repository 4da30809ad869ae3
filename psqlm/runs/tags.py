"""Tags on runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg


def put_tags(
    connection: psycopg.Connection, run_ids: Sequence[int], tags: Mapping[str, str]
) -> int:
    """Tag runs, except with what they are tagged with otherwise; returns how many those are."""
    if not tags:
        return 0
    given = {"runs": list(run_ids), "names": list(tags), "values": list(tags.values())}
    with connection.transaction():
        connection.execute(
            """
            INSERT INTO lm.tag (run_id, name, value)
            SELECT r.run_id, t.name, t.value
            FROM unnest(%(runs)s::bigint[]) AS r (run_id)
            CROSS JOIN unnest(%(names)s::text[], %(values)s::text[]) AS t (name, value)
            ON CONFLICT DO NOTHING
            """,
            given,
        )
        row = connection.execute(
            """
            SELECT count(DISTINCT g.run_id)
            FROM lm.tag AS g
            INNER JOIN unnest(%(names)s::text[], %(values)s::text[]) AS t (name, value)
                ON g.name = t.name AND g.value <> t.value
            WHERE g.run_id = ANY (%(runs)s::bigint[]) AND g.position IS NULL
            """,
            given,
        ).fetchone()
    assert row is not None  # noqa: S101 (a count)
    return int(row[0])
