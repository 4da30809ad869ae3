"""Writes docs/reference.md: what the catalog says of every object of schema lm.

Its sections are the chapters of sql/: first what a user calls, at the end what is inside.
Run it after a change of the SQL: python tools/catalog.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from psqlm import database

ROOT = Path(__file__).resolve().parents[1]
SQL = ROOT / "sql"
TARGET = ROOT / "docs" / "reference.md"

# What a user calls or reads first, in this order. What else is in schema lm follows.
FOR_USERS = {
    "1_tables": """
        run run_token logit tag intervention intervention_set model
        vocabulary site
    """,
    "2_models": """
        set_default_model default_model model_site drop_model drop_runs drop_leftovers
        grant_to_roles keep_runs_private runs_are_private progress
    """,
    "3_tokenizer": "tokenize encode decode decode_bytes merge_steps",
    "4_operators": "fill concat total",
    "6_runs": """
        forward forward_many forward_rows next_token attention_adjustment activation captured
        vector_at run_position replace_interventions make_intervention forward_once find_runs
        select_runs named_runs latest_run run_summary capture_bytes token token_tag token_id
        embedding model_storage run_storage table_storage activation_array adjustment_array
        embedding_array
    """,
    "7_generation": "generate generate_tokens generate_many score",
    "8_lenses": """
        help attention_pattern head_scores attention_share unit_effects logit_lens lens_grid
        lens_trajectory lens_logits logit_attribution head_results predictions surprise perplexity
        final_logits residual_norm residual_cosine nearest_tokens nearest_activations
        index_activations patching_sweep
    """,
    "9_least_squares": """
        adjustment_norm lag_design lag_ols lag_diagnostics lag_rows ols observation ols_moments
        pool_moments moments benjamini_hochberg student_t_p
    """,
}

HEADER = """\
# Reference

What `\\dt+ lm.*`, `\\dv+ lm.*` and `\\df+ lm.*` say, generated from the comments in the database by
`tools/catalog.py`, in the order of the chapters of `sql/`. Functions take `model`, a model's name;
left out it is `lm.default_model()`.
"""

INSIDE = """\
The schema `lm_internal`: what the functions above are made of. None of it needs to be
called, and all of it may change.
"""

RELATIONS = """
    SELECT c.relnamespace::regnamespace::text, c.relname, obj_description(c.oid, 'pg_class'),
        ARRAY(
            SELECT ARRAY[
                a.attname::text,
                format_type(a.atttypid, a.atttypmod),
                col_description(c.oid, a.attnum)
            ]
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
        )
    FROM pg_class AS c
    WHERE c.relnamespace = ANY ('{lm,lm_internal}'::regnamespace[])
        AND c.relkind IN ('r', 'p', 'v', 'c') AND NOT c.relispartition
    ORDER BY c.relname
"""

ENUMS = """
    SELECT t.typnamespace::regnamespace::text, t.typname, obj_description(t.oid, 'pg_type'),
        ARRAY(
            SELECT e.enumlabel FROM pg_enum AS e
            WHERE e.enumtypid = t.oid
            ORDER BY e.enumsortorder
        )
    FROM pg_type AS t
    WHERE t.typnamespace = ANY ('{lm,lm_internal}'::regnamespace[]) AND t.typtype = 'e'
    ORDER BY t.typname
"""

ROUTINES = """
    SELECT p.pronamespace::regnamespace::text, p.proname, pg_get_function_arguments(p.oid),
        pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc'),
        COALESCE(p.proargnames[:p.pronargs], '{}')
    FROM pg_proc AS p
    WHERE p.pronamespace = ANY ('{lm,lm_internal}'::regnamespace[])
        AND p.prorettype <> 'trigger'::regtype
    ORDER BY p.proname, 3
"""

DEFINITION = re.compile(
    r"^\s*CREATE (?:OR REPLACE )?(?:UNLOGGED )?"
    r"(?:TABLE|VIEW|TYPE|FUNCTION|AGGREGATE) "
    r"(?:lm|lm_internal)\.(?P<name>\w+)(?:\((?!\))(?P<arguments>.*?)^\))?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Entry:
    """An object of a schema, its names of arguments if it is a function, and its text."""

    schema: str
    name: str
    text: str
    arguments: tuple[str, ...] = ()


def reference(connection: psycopg.Connection) -> str:
    """The reference as Markdown."""
    homes = _homes()
    chapters = [*sorted(path.name for path in SQL.iterdir() if path.name[0].isdigit()), ""]
    called: dict[str, list[Entry]] = {chapter: [] for chapter in chapters}
    inside: dict[str, list[Entry]] = {chapter: [] for chapter in chapters}
    for entry in _entries(connection):
        chapter = homes.get((entry.name, entry.arguments)) or homes.get((entry.name, ()), "")
        (inside if entry.schema == "lm_internal" else called)[chapter].append(entry)
    for chapter, names in FOR_USERS.items():
        order = names.split()
        called[chapter].sort(
            key=lambda entry: order.index(entry.name) if entry.name in order else len(order)
        )
    lines = [HEADER]
    lines += [
        f"- [{_title(c)}](#{_title(c).lower().replace(' ', '-')})" for c in called if called[c]
    ]
    lines.append("- [Inside](#inside)\n")
    for chapter, entries in called.items():
        if entries:
            lines.append(f"## {_title(chapter)}\n")
            lines += [f"### {entry.schema}.{entry.name}\n\n{entry.text}" for entry in entries]
    lines += ["## Inside\n", INSIDE]
    for chapter, entries in inside.items():
        if entries:
            lines.append(f"### Inside: {_title(chapter).lower()}\n")
            lines += [f"#### {entry.schema}.{entry.name}\n\n{entry.text}" for entry in entries]
    return "\n".join(lines)


def _entries(connection: psycopg.Connection) -> Iterator[Entry]:
    # type names are qualified where the path does not lead to them
    connection.execute("SET LOCAL search_path = lm, public")
    for schema, name, comment, columns in connection.execute(RELATIONS).fetchall():
        rows = [f"| `{column}` | `{type_}` | {_cell(text)} |" for column, type_, text in columns]
        table = "\n".join(["| column | type | |", "|---|---|---|", *rows])
        yield Entry(schema, name, f"{comment or ''}\n\n{table}\n")
    for schema, name, comment, labels in connection.execute(ENUMS).fetchall():
        listed = " ".join(f"`{label}`" for label in labels)
        yield Entry(schema, name, f"{comment or ''}\n\n{listed}\n")
    for row in connection.execute(ROUTINES).fetchall():
        schema, name, arguments, result, comment, names = row
        call = f"```\n{schema}.{name}({arguments})\n→ {result}\n```"
        yield Entry(schema, name, f"{call}\n\n{comment or ''}\n", tuple(names))


def _homes() -> dict[tuple[str, tuple[str, ...]], str]:
    """The chapter of each object, by its name and, where it is a function, its arguments' names."""
    homes = {}
    for path in sorted(SQL.glob("[0-9]*/*.sql")):
        for found in DEFINITION.finditer(path.read_text(encoding="utf-8")):
            lines = (found["arguments"] or "").strip().splitlines()
            arguments = tuple(line.split()[0].strip('"') for line in lines if line.strip())
            homes[found["name"], arguments] = path.parent.name
            homes.setdefault((found["name"], ()), path.parent.name)
    return homes


def _title(chapter: str) -> str:
    return chapter.lstrip("0123456789_").replace("_", " ").capitalize() or "Installation"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    with database.connect(sys.argv[1] if len(sys.argv) > 1 else None) as opened:
        TARGET.write_text(reference(opened), encoding="utf-8")
