"""Where a pass keeps something of a site: its layers, heads and positions, and how wide it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from psqlm.errors import PsqlmError
from psqlm.parquet.layout import Plan


@dataclass(frozen=True)
class Places:
    """The places of a site.

    Attributes:
        width: how many numbers a vector has; of logits how many tokens there are.
        layers: the layers; −1 for logits.
        heads: the heads; −1 where the site has none.
        positions: the positions, −1 the last; None: all.
    """

    width: int
    layers: list[int]
    heads: list[int]
    positions: tuple[int, ...] | None

    def has(
        self,
        layer: npt.NDArray[Any],
        head: npt.NDArray[Any],
        position: npt.NDArray[Any],
        n_tokens: npt.NDArray[Any],
    ) -> bool:
        """Whether rows are at places of the site, in texts of so many tokens."""
        there = np.isin(layer, self.layers) & np.isin(head, self.heads)
        there &= (position >= 0) & (position < n_tokens)
        if self.positions is not None:
            there &= np.isin(position, self.positions) | np.isin(
                position - n_tokens, self.positions
            )
        return bool(there.all())

    def count(self, n_tokens: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """How many rows texts of so many tokens have."""
        n_positions = n_tokens.astype(np.int64)
        if self.positions is not None:
            n_positions = np.array(
                [
                    len(
                        {
                            position + (n if position < 0 else 0)
                            for position in self.positions
                            if -n <= position < n
                        }
                    )
                    for n in n_tokens.tolist()
                ],
                np.int64,
            )
        return n_positions * len(self.layers) * len(self.heads)


def places_of(connection: psycopg.Connection, model_id: int, plan: Plan, site: str) -> Places:
    """The places of a site in runs of a plan.

    Raises:
        PsqlmError: the model does not have it.
    """
    row = connection.execute(
        """
        SELECT m.n_layer, m.n_vocab, s.n_head, s.width
        FROM lm.model_site AS s
        INNER JOIN lm.model AS m USING (model_id)
        WHERE m.model_id = %s AND s.site::text = %s
        """,
        (model_id, site),
    ).fetchone()
    if row is None:
        raise PsqlmError(f"the model {plan.model.name} has no site {site}: export the runs again")
    n_layer, n_vocab, n_head, width = row
    layers = list(range(n_layer)) if plan.layers is None else list(plan.layers)
    # these belong to no layer, whichever were kept
    layers = {"embed": [0], "pos_embed": [0], "ln_final": [n_layer], "logits": [-1]}.get(
        site, layers
    )
    heads = [-1] if n_head is None or site == "logits" else list(range(n_head))
    return Places(n_vocab if site == "logits" else width or 0, layers, heads, plan.positions)
