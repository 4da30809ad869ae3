"""lm.token: the tokens of runs beside what stands before and after them."""

from __future__ import annotations

import psycopg


def test_tokens_and_what_stands_beside_them(connection: psycopg.Connection) -> None:
    text = "Once upon a time there was a king who had three daughters."
    run = connection.execute("SELECT lm.forward(%s)", (text,)).fetchone()
    assert run is not None
    tokens = [
        token
        for (token,) in connection.execute(
            "SELECT token FROM lm.tokenize(%s) ORDER BY position", (text,)
        )
    ]
    found = connection.execute(
        "SELECT position, token, previous_token, next_token, context FROM lm.token"
        " WHERE run_id = %s ORDER BY position",
        run,
    ).fetchall()
    assert found == [
        (
            number,
            token,
            tokens[number - 1] if number else None,
            tokens[number + 1] if number + 1 < len(tokens) else None,
            "".join(tokens[max(number - 6, 0) : number + 1]),
        )
        for number, token in enumerate(tokens)
    ]


def test_who_asks_for_no_text_does_not_read_the_vocabulary(connection: psycopg.Connection) -> None:
    def plan(columns: str) -> str:
        rows = connection.execute(f"EXPLAIN SELECT {columns} FROM lm.adjustment_norm").fetchall()
        return "\n".join(line for (line,) in rows)

    assert "vocabulary" in plan("norm, token")
    assert "vocabulary" not in plan("norm") and "run_token" not in plan("norm")
