"""Writes docs/reference.md: what the catalog says of every object of schema lm.

Run it after a change of the SQL: python tools/catalog.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from psqlm import database

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference.md"

HEADER = """\
# Reference

What `\\d+ lm.*` and `\\df+ lm.*` say, generated from the comments in the database by
`tools/catalog.py`. Functions take `model`, a model's name; left out it is `lm.default_model()`.
"""

RELATIONS = """
    SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class')
    FROM pg_class AS c
    WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind = ANY (%s) AND NOT c.relispartition
    ORDER BY c.relname
"""

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
    FROM pg_attribute AS a
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""

ROUTINES = """
    SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
        obj_description(p.oid, 'pg_proc')
    FROM pg_proc AS p
    WHERE p.pronamespace = 'lm'::regnamespace AND (p.prokind = 'a') = %s
        AND p.prorettype <> 'trigger'::regtype
    ORDER BY p.proname, 2
"""


def reference(connection: psycopg.Connection) -> str:
    """The reference as Markdown."""
    lines = [HEADER]
    # type names are qualified where the path does not lead to them
    connection.execute("SET LOCAL search_path = lm, public")
    for title, kinds in (("Tables", ["r", "p"]), ("Views", ["v"]), ("Types", ["c"])):
        lines.append(f"## {title}\n")
        for oid, name, comment in connection.execute(RELATIONS, [kinds]).fetchall():
            lines += [
                f"### lm.{name}\n",
                f"{comment or ''}\n",
                "| column | type | |",
                "|---|---|---|",
            ]
            for column, type_, meaning in connection.execute(COLUMNS, [oid]).fetchall():
                lines.append(f"| `{column}` | `{type_}` | {_cell(meaning)} |")
            lines.append("")
    for title, aggregates in (("Functions", False), ("Aggregates", True)):
        lines.append(f"## {title}\n")
        for name, arguments, result, comment in connection.execute(
            ROUTINES, [aggregates]
        ).fetchall():
            lines += [
                f"### lm.{name}\n",
                "```",
                f"lm.{name}({arguments})",
                f"→ {result}",
                "```",
                "",
            ]
            lines.append(f"{comment or ''}\n")
    return "\n".join(lines)


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    with database.connect(sys.argv[1] if len(sys.argv) > 1 else None) as opened:
        TARGET.write_text(reference(opened))
