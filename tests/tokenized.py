"""Texts to tokens and back in SQL, many in one query, whatever the locale of the database."""

from __future__ import annotations

import psycopg

# Locales, as options of CREATE DATABASE: tokens must not depend on them. ICU is not in every build,
# and the builtin provider came with PostgreSQL 17.
LOCALES: dict[str, dict[str, str]] = {
    "C": {"locale": "C"},
    "C.UTF-8": {"locale": "C.UTF-8"},
    "ICU, Turkish": {"locale": "C", "locale_provider": "icu", "icu_locale": "tr-TR"},
    "builtin C.UTF-8": {"locale": "C.UTF-8", "locale_provider": "builtin"},
}


def encode(connection: psycopg.Connection, texts: list[str], model: str) -> list[list[int]]:
    """Our token ids of many texts, in one query."""
    rows = connection.execute(
        """
        SELECT lm.encode(t.prompt, %s)
        FROM unnest(%s::text[]) WITH ORDINALITY AS t (prompt, number)
        ORDER BY t.number
        """,
        (model, texts),
    )
    return [ids for (ids,) in rows]


def decode(connection: psycopg.Connection, sequences: list[list[int]], model: str) -> list[str]:
    """Our texts of many sequences, in one query."""
    rows = connection.execute(
        """
        SELECT lm.decode(t.ids::int[], %s)
        FROM unnest(%s::text[]) WITH ORDINALITY AS t (ids, number)
        ORDER BY t.number
        """,
        (model, ["{" + ",".join(map(str, ids)) + "}" for ids in sequences]),
    )
    return [text for (text,) in rows]
