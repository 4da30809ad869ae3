"""One forward pass: lm.forward."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg


def forward(
    connection: psycopg.Connection,
    prompt: str,
    model: str | None = None,
    capture: Sequence[str] = ("attn_out",),
    interventions: str | None = None,
    capture_layers: Sequence[int] | None = None,
    capture_positions: Sequence[int] | None = None,
    capture_dtype: str = "float32",
) -> int:
    """Run a text through a model with lm.forward and return the run's number.

    It is committed, unless a transaction is open.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT lm.forward(%s, model => %s, capture => %s, interventions => %s, "
            "capture_layers => %s::int[], capture_positions => %s::int[], capture_dtype => %s)",
            (
                prompt,
                model,
                list(capture),
                interventions,
                capture_layers,
                capture_positions,
                capture_dtype,
            ),
        ).fetchone()
    assert row is not None  # noqa: S101 (a function's value)
    return int(row[0])
