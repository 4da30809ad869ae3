"""A forward pass that was kept, and what is read of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psycopg

from psqlm.database.frames import read_frame
from psqlm.errors import PsqlmError

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

WITHOUT_LAYER = ("embed", "pos_embed", "ln_final")
BY_KEY = {"pattern": 0.0, "attn_scores": -np.inf}
"""Sites with a number for each key, and what stands at keys that are not seen."""


@dataclass(frozen=True)
class Run:
    """A row of lm.run: which model read which tokens, and what was kept.

    Attributes:
        run_id: its key.
        model: the model that ran.
        n_layer: its number of layers.
        prompt: the text; of a run of token ids what they decode to.
        token_ids: the tokens.
        tokens: their texts.
        capture: the sites that were kept.
        interventions: the set that was made; None: none.
        capture_dtype: how its vectors are stored: float32, or rounded to float16.
    """

    run_id: int
    model: str
    n_layer: int
    prompt: str
    token_ids: list[int]
    tokens: list[str]
    capture: list[str]
    interventions: str | None
    capture_dtype: str
    _connection: psycopg.Connection = field(repr=False, compare=False)

    def activation(self, site: str, layer: int | None = None) -> Array:
        """What a site held, in the shape that TransformerLens's cache has without its batch.

        Args:
            site: a site of lm.site: resid_post, z, pattern, …
            layer: the layer, from 0, or from the end: −1 is the last. None: all that were kept,
                the first axis then; embed, pos_embed and ln_final are of no layer.

        Returns:
            [position, d_model] for the residual stream and what is added to it, [position, d_mlp]
            for the MLP's neurons, [position, head, d_head] for q, k, v and z, [head, query, key]
            for pattern and attn_scores. Only positions that were kept have rows.

        Raises:
            PsqlmError: the run did not keep it; the message has the command that does.
        """
        if site == "logits":
            raise PsqlmError("logits are read by run.logits()")
        rows = read_frame(
            self._connection,
            """
            SELECT layer, head, position, value
            FROM lm.captured
            WHERE run_id = %(run)s AND site = %(site)s
                AND (%(layer)s::int IS NULL OR layer = %(layer)s)
            ORDER BY layer, position, head
            """,
            {"run": self.run_id, "site": site, "layer": self._layer(layer)},
            binary=True,
        )
        if rows.empty:
            self._say_why_not(site, layer)
        layers = [self._stack(site, part) for _, part in rows.groupby("layer")]
        return layers[0] if layer is not None or site in WITHOUT_LAYER else np.stack(layers)

    def logits(self) -> Array:
        """The logits, [position, n_vocab]: what lm.final_logits makes of the stream.

        Raises:
            PsqlmError: the run kept neither ln_final nor resid_post of the last layer.
        """
        rows = read_frame(
            self._connection,
            "SELECT logits FROM lm.final_logits(%s, ARRAY(SELECT generate_series(0, %s)))"
            " ORDER BY position",
            (self.run_id, len(self.token_ids) - 1),
            binary=True,
        )
        return np.array(rows["logits"].tolist(), dtype=np.float32)

    def attention(self, layer: int | None = None, head: int | None = None) -> pd.DataFrame:
        """Rows of lm.attention_pattern: who attends to whom, and how much.

        Args:
            layer: one layer, from 0, or from the end; None: all.
            head: one head, from 0; None: all.

        Returns:
            layer, head, query_position, key_position, query_token, key_token, weight.

        Raises:
            PsqlmError: the run did not keep pattern.
        """
        rows = read_frame(
            self._connection,
            """
            SELECT layer, head, query_position, key_position, query_token, key_token, weight
            FROM lm.attention_pattern
            WHERE run_id = %(run)s
                AND (%(layer)s::int IS NULL OR layer = %(layer)s)
                AND (%(head)s::int IS NULL OR head = %(head)s)
            ORDER BY layer, head, query_position, key_position
            """,
            {"run": self.run_id, "layer": self._layer(layer), "head": head},
        )
        if rows.empty:
            self._say_why_not("pattern", layer, head or 0)
        return rows

    def adjustments(self) -> pd.DataFrame:
        """Attention adjustments with their norms.

        Returns:
            layer, position, token, norm, log_norm, and the vector as adjustment.

        Raises:
            PsqlmError: the run did not keep attn_out.
        """
        rows = read_frame(
            self._connection,
            """
            SELECT layer, position, n.token, n.norm, n.log_norm, a.adjustment
            FROM lm.adjustment_norm AS n
            INNER JOIN lm.attention_adjustment AS a USING (run_id, layer, position)
            WHERE run_id = %s
            ORDER BY layer, position
            """,
            (self.run_id,),
            binary=True,
        )
        if rows.empty:
            self._say_why_not("attn_out", None)
        return rows

    def _layer(self, layer: int | None) -> int | None:
        return layer + self.n_layer if layer is not None and layer < 0 else layer

    def _stack(self, site: str, rows: pd.DataFrame) -> Array:
        """The rows of a layer as an array."""
        n_head = rows["head"].nunique()
        if site not in BY_KEY:
            flat = np.stack(rows["value"].tolist())
            return flat if (rows["head"] == -1).all() else flat.reshape(-1, n_head, flat.shape[1])
        # a query sees the keys up to itself
        weights = np.full((len(rows), len(self.token_ids)), BY_KEY[site], dtype=np.float32)
        for row, value in zip(weights, rows["value"], strict=True):
            row[: len(value)] = value
        by_head: Array = weights.reshape(-1, n_head, len(self.token_ids)).transpose(1, 0, 2)
        return by_head

    def _say_why_not(self, site: str, layer: int | None, head: int = 0) -> None:
        """Raise what lm.vector_at says of a site that was not kept."""
        has_heads = site in BY_KEY or site in ("q", "k", "v", "rot_q", "rot_k", "z")
        read_frame(
            self._connection,
            "SELECT lm.vector_at(%s, %s, %s, head => %s)",
            (self.run_id, site, self._layer(layer) or 0, head if has_heads else -1),
        )
        raise PsqlmError(f"run {self.run_id} kept no {site} there")


def read_run(connection: psycopg.Connection, run_id: int) -> Run:
    """Read a row of lm.run.

    Raises:
        PsqlmError: there is no such run.
    """
    rows = read_frame(
        connection,
        """
        SELECT
            m.name,
            m.n_layer,
            COALESCE(r.prompt, lm.decode(r.token_ids, m.name)) AS prompt,
            r.token_ids,
            ARRAY(SELECT t.token FROM lm.token AS t WHERE t.run_id = r.run_id ORDER BY t.position)
                AS tokens,
            r.capture::text[] AS capture,
            r.interventions,
            r.capture_dtype
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE r.run_id = %s
        """,
        (run_id,),
    )
    if rows.empty:
        raise PsqlmError(f"there is no run {run_id}: lm.run lists them, lm.forward makes one")
    name, n_layer, prompt, token_ids, tokens, capture, interventions, dtype = rows.iloc[0]
    return Run(
        run_id=run_id,
        model=name,
        n_layer=int(n_layer),
        prompt=prompt,
        token_ids=token_ids,
        tokens=tokens,
        capture=capture,
        interventions=interventions,
        capture_dtype=dtype,
        _connection=connection,
    )
