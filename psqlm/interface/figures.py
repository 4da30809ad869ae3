"""lm.figure: figures of Plotly, each drawn from the rows of one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import psycopg

from psqlm.errors import PsqlmError
from psqlm.interface.run import Run, read_run
from psqlm.view.answer import ask

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

TEXT_COLOURS = {
    "surprise": ("surprise", "surprise", "surprise, nats"),
    "probability": ("surprise", "probability", "probability"),
    "adjustment": ("adjustment_norm", "norm", "norm of the attention adjustment"),
    "residual": ("residual_norm", "norm", "norm of the residual stream"),
}
"""The statement, its column, and what it is."""


class Figures:
    """The pictures of `psqlm view`, one by one, for Jupyter and marimo.

    A run is given as such or by its number. It has to have kept what is drawn; the error of one
    that has not names the call that keeps it. Needs Plotly: pip install 'psqlm[view]'.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def text(
        self,
        run: Run | int,
        colour: Literal["surprise", "probability", "adjustment", "residual"] = "surprise",
        layer: int = 0,
    ) -> go.Figure:
        """The text, each token coloured by a number; layer is that of the norms."""
        from psqlm.view.figures.text import text_figure

        run = self._run(run)
        statement, column, title = TEXT_COLOURS[colour]
        rows = ask(self._connection, statement, run_id=run.run_id, layer=layer).rows
        self._require_rows(run, rows)
        if statement != "surprise":
            title += f", layer {layer}"
        return text_figure(run.tokens, rows[column].tolist(), title)

    def attention(self, run: Run | int, layer: int, head: int) -> go.Figure:
        """The pattern of a head, query by key."""
        from psqlm.view.figures.attention import attention_figure

        run = self._run(run)
        weights = run.activation("pattern", layer)
        if not 0 <= head < len(weights):
            raise PsqlmError(f"layer {layer} has heads 0 to {len(weights) - 1}, not {head}")
        return attention_figure(weights[head], run.tokens, f"layer {layer}, head {head}")

    def lens(
        self,
        run: Run | int,
        colour: Literal["probability", "rank", "entropy", "divergence"] = "probability",
        positions: range | None = None,
    ) -> go.Figure:
        """The logit lens, layer by position; all positions, or those from one to another."""
        from psqlm.view.figures.lens import lens_figure

        run = self._run(run)
        asked = positions or range(len(run.tokens))
        rows = ask(self._connection, "lens", run_id=run.run_id, first=asked[0], last=asked[-1]).rows
        return lens_figure(rows, run.tokens, colour, asked)

    def attribution(
        self,
        run: Run | int,
        token: str | None = None,
        by: Literal["layer", "head and MLP", "map"] = "layer",
        position: int = -1,
    ) -> go.Figure:
        """What each part adds to the logit of a token; None: the one that is predicted."""
        from psqlm.view.figures.attribution import attribution_figure

        run = self._run(run)
        at = position % len(run.tokens)
        found = ask(
            self._connection,
            "token",
            run_id=run.run_id,
            position=at,
            token=token,
            model=run.model,
        ).rows.iloc[0]
        rows = ask(
            self._connection,
            "attribution",
            run_id=run.run_id,
            position=at,
            token_id=int(found["token_id"]),
        ).rows
        return attribution_figure(rows, str(found["token"]), by)

    def sweep(self, sweep_id: int) -> go.Figure:
        """A patching sweep of lm.patching_sweep, about zero."""
        from psqlm.view.figures.changes import sweep_figure

        rows = ask(self._connection, "sweep", sweep_id=sweep_id).rows
        if rows.empty:
            raise PsqlmError(f"there is no sweep {sweep_id}: lm.patching_sweep makes one")
        return sweep_figure(rows)

    def difference(
        self,
        run: Run | int,
        other: Run | int,
        of: Literal["surprise", "adjustment"] = "surprise",
    ) -> go.Figure:
        """One run less another: surprise by token, or log norm of the adjustments by layer too."""
        from psqlm.view.figures import changes

        run, other = self._run(run), self._run(other)
        name, draw = {
            "surprise": ("surprise_difference", changes.surprise_difference_figure),
            "adjustment": ("norm_difference", changes.norm_difference_figure),
        }[of]
        rows = ask(self._connection, name, run_id=run.run_id, other_run=other.run_id).rows
        self._require_rows(run, rows)
        return draw(rows)

    def slopes(self, *runs: Run | int) -> go.Figure:
        """The lag regression of a run, or of two beside one another, of any models."""
        from psqlm.view.figures.lags import slopes_figure

        run_ids: Sequence[int] = [self._run(run).run_id for run in runs]
        if not run_ids:
            raise PsqlmError("no run is named: lm.figure.slopes(run)")
        rows = ask(self._connection, "lag_ols", run_id=run_ids[0], run_ids=list(run_ids)).rows
        return slopes_figure(rows)

    def log_norms(self, run: Run | int) -> go.Figure:
        """The log norms of the attention adjustments, layer by layer."""
        from psqlm.view.figures.lags import log_norms_figure

        run = self._run(run)
        rows = ask(self._connection, "log_norms", run_id=run.run_id).rows
        self._require_rows(run, rows)
        return log_norms_figure(rows)

    def _run(self, run: Run | int) -> Run:
        return run if isinstance(run, Run) else read_run(self._connection, run)

    def _require_rows(self, run: Run, rows: pd.DataFrame) -> None:
        if rows.empty:
            raise PsqlmError(
                f"run {run.run_id} did not keep what is drawn, or there is no such layer: "
                "lm.forward(prompt, capture=['attn_out', 'resid_post']) keeps it"
            )
