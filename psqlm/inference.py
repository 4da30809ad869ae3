"""Calls of the model's SQL functions."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence

import psycopg


def forward(
    connection: psycopg.Connection,
    prompt: str,
    model: str | None = None,
    capture: Sequence[str] = ("attn_out",),
    interventions: str | None = None,
) -> int:
    """Run a text through a model with lm.forward, commit, and return the run's number."""
    row = connection.execute(
        "SELECT lm.forward(%s, model => %s, capture => %s, interventions => %s)",
        (prompt, model, list(capture), interventions),
    ).fetchone()
    connection.commit()
    assert row is not None  # noqa: S101 (a function's value)
    return int(row[0])


def stream(
    connection: psycopg.Connection,
    prompt: str,
    n_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    model: str | None,
) -> Iterator[str]:
    """Pieces of the continuation, each as soon as its tokens make whole characters.

    The arguments are those of lm.generate_tokens. The end-of-text token is not text.
    """
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
                model => %(model)s
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
            },
        )
        yield from whole_characters(token or b"" for (token,) in cursor)


def whole_characters(pieces: Iterable[bytes]) -> Iterator[str]:
    """Text of pieces of UTF-8 as they come; what splits a character waits for its rest."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
