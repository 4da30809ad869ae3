"""Continuing a text: lm.generate_tokens, piece by piece."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

import psycopg

from psqlm.database.progress import Task


def stream(
    connection: psycopg.Connection,
    prompt: str,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    model: str | None,
    interventions: str | None = None,
) -> Iterator[str]:
    """Pieces of the continuation, each as soon as its tokens make whole characters.

    The arguments are those of lm.generate_tokens. The end-of-text token is not text.
    """
    (name,) = connection.execute(
        "SELECT name FROM lm.model WHERE model_id = lm.model_id(%s)", (model,)
    ).fetchone() or ("",)
    Task("generate", name).tell(connection, None, n_tokens)
    # a cursor on the server, a row at a time: rows are made only as they are asked for
    with connection.cursor(name="psqlm_generate") as cursor:
        cursor.itersize = 1
        cursor.execute(
            """
            SELECT v.bytes
            FROM lm.generate_tokens(
                prompt => %(prompt)s,
                n_tokens => %(n_tokens)s,
                temperature => %(temperature)s,
                top_k => %(top_k)s,
                top_p => %(top_p)s,
                seed => %(seed)s,
                model => %(model)s,
                interventions => %(interventions)s
            ) AS g
            LEFT JOIN LATERAL (
                SELECT v.bytes
                FROM lm.vocabulary AS v
                INNER JOIN lm.model AS m USING (model_id)
                WHERE m.model_id = lm.model_id(%(model)s)
                    AND v.token_id = g.token_id
                    AND v.token_id IS DISTINCT FROM m.end_of_text
                OFFSET 0
            ) AS v ON true
            """,
            {
                "prompt": prompt,
                "n_tokens": n_tokens,
                "temperature": temperature,
                "top_k": top_k,
                "top_p": top_p,
                "seed": seed,
                "model": model,
                "interventions": interventions,
            },
        )
        yield from whole_characters(token or b"" for (token,) in cursor)


def whole_characters(pieces: Iterable[bytes]) -> Iterator[str]:
    """Text of pieces of UTF-8 as they come; what splits a character waits for its rest."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
