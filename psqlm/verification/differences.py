"""The same text in the database, and how far each site is from the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from psqlm.errors import PsqlmError
from psqlm.verification.reference import Values

SMALLEST = 1e-30  # a vector of zeros has a norm to divide by


@dataclass(frozen=True)
class Difference:
    """A row of lm.verification."""

    site: str
    layer: int
    largest: float
    relative: float


def compare(
    connection: psycopg.Connection[Any], model: str, token_ids: Sequence[int], theirs: Values
) -> list[Difference]:
    """The differences of every site that the model has and the reference knows.

    Args:
        connection: in a transaction; the run that is made for this is undone.
        model: the model's name.
        token_ids: what is run.
        theirs: the reference's values of the same tokens.

    Returns:
        A difference for each site and layer, in the order of lm.site.
    """
    sites = [
        site
        for (site,) in connection.execute(
            "SELECT s.site FROM lm.model_site AS s WHERE s.model_id = lm.model_id(%s)"
            " ORDER BY s.site",
            (model,),
        )
        if any(known == site for known, _ in theirs)
    ]
    found = []
    with connection.transaction(force_rollback=True):
        row = connection.execute(
            "SELECT lm.forward(token_ids => %s::int[], model => %s, capture => %s::text[])",
            (list(token_ids), model, [site for site in sites if site != "logits"]),
        ).fetchone()
        assert row is not None  # noqa: S101 (a function's value)
        for site in sites:
            layers = sorted(layer for known, layer in theirs if known == site)
            for layer in layers:
                vectors = _ours(connection, row[0], site, layer)
                found.append(_difference(site, layer, vectors, theirs[site, layer]))
    return found


def _difference(
    site: str, layer: int, ours: Iterator[tuple[int, int, Sequence[float]]], theirs: Any
) -> Difference:
    """The largest difference of a site in a layer."""
    there = np.zeros(theirs.shape, np.float64)
    number = 0
    for number, (position, head, value) in enumerate(ours, 1):  # noqa: B007 (counted)
        # of a pattern only the keys up to the query are there; beyond them it is 0
        there[position, max(head, 0), : len(value)] = value
    if number != theirs.shape[0] * theirs.shape[1]:
        raise PsqlmError(
            f"{site} of layer {layer} has {number} vectors here and "
            f"{theirs.shape[0] * theirs.shape[1]} in transformers"
        )
    apart: npt.NDArray[np.float64] = np.abs(there - theirs)
    norms = np.maximum(np.linalg.norm(theirs.astype(np.float64), axis=-1), SMALLEST)
    relative = np.linalg.norm(apart, axis=-1) / norms
    return Difference(site, layer, float(apart.max()), float(relative.max()))


def _ours(
    connection: psycopg.Connection[Any], run_id: int, site: str, layer: int
) -> Iterator[tuple[int, int, Sequence[float]]]:
    """Position, head and vector of what a run kept of a site in a layer."""
    with connection.cursor(binary=True) as cursor:
        if site == "logits":
            # not captured: a row for each token of the vocabulary would be most of the work
            cursor.execute(
                """
                SELECT part.first + u.ordinal - 1, -1, u.logits
                FROM (
                    SELECT
                        r.model_id,
                        min(f.position) AS first,
                        array_agg(f.value ORDER BY f.position) AS x
                    FROM lm.run AS r
                    INNER JOIN lm.captured AS f USING (run_id)
                    WHERE r.run_id = %s AND f.site = 'ln_final'
                    GROUP BY r.model_id, f.position / 64
                ) AS part
                CROSS JOIN LATERAL lm_internal.unembed(part.x, part.model_id) AS u
                """,
                (run_id,),
            )
        else:
            cursor.execute(
                """
                SELECT c.position, c.head, c.value::real[]
                FROM lm.captured AS c
                WHERE c.run_id = %s AND c.site = %s::lm.site AND c.layer = %s
                """,
                (run_id, site, layer),
            )
        yield from cursor
