"""One regression, in one series of rows or in several: runs, groups of tokens, models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import psycopg

from psqlm.errors import PsqlmError

from .data import Run, read_norms, read_run
from .drift import Drift, measure_drift
from .fitting import RECIPE, Question, few_clusters, fit_each, read_rows
from .regression import Fit
from .selection import read_tags, tag_names
from .terms import CONSTANT, is_lag

RECIPE_COLUMNS = [
    "layer",
    "n",
    "intercept",
    "beta_lag1",
    "beta_lag2",
    "p_intercept",
    "p_lag1",
    "p_lag2",
    "r_squared",
    "adj_r_squared",
]
"""Of coefficients.csv of one run; others have standard errors too."""


@dataclass(frozen=True)
class Series:
    """Fits of one group or model.

    Attributes:
        name: of the group or model.
        n_layer: number of layers of the model.
        n_runs: number of runs that the rows come from.
        fits: one per layer.
        drift: one per layer.
    """

    name: str
    n_layer: int
    n_runs: int
    fits: list[Fit]
    drift: list[Drift]

    @property
    def fitted(self) -> list[Fit]:
        """The fits of the layers that could be fitted."""
        return [fit for fit in self.fits if fit.ols is not None]

    @property
    def terms(self) -> list[str]:
        """The terms beside the constant."""
        return [
            term for fit in self.fitted[:1] for term in fit.ols.params.index if term != CONSTANT
        ]

    @property
    def lags(self) -> list[str]:
        """Those of the terms that are lags."""
        return [term for term in self.terms if is_lag(term)]

    def depth(self, layer: int) -> float:
        """How far up a layer is: 0 is the first, 1 the last."""
        return layer / max(self.n_layer - 1, 1)


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Attributes:
        models: names of the models.
        kind: what tells the series apart: "model", or the name of a tag.
        by_depth: whether layers are compared by relative depth, or by number.
        question: what was fitted.
        series: all that could be fitted in at least one layer.
        notes: what was left out and why, a line each.
        table: the rows of coefficients.csv.
        run: the run, if there was only one.
        norms: its rows of lm.adjustment_norm.
    """

    models: list[str]
    kind: str
    by_depth: bool
    question: Question
    series: list[Series]
    notes: list[str]
    table: pd.DataFrame
    run: Run | None = None
    norms: pd.DataFrame | None = None

    @property
    def terms(self) -> list[str]:
        """The terms beside the constant, in any of the series."""
        return list(dict.fromkeys(term for series in self.series for term in series.terms))


def compare(
    connection: psycopg.Connection,
    runs: Sequence[Sequence[int]],
    question: Question,
    by: str | None = None,
) -> Comparison:
    """Fit each model's runs together, or each group of one model's rows by itself.

    Args:
        connection: to the database with the runs. Nothing is written.
        runs: run ids, in a list for each model.
        question: what is regressed on what. A formula may name tags as columns.
        by: a tag that splits the rows. If tokens have it, that of the token at t counts.

    Raises:
        PsqlmError: a run does not exist, a tag is missing, a formula cannot be read, or
            nothing can be fitted.
    """
    fitted: list[Series] = []
    notes: list[str] = []
    models: list[str] = []
    run, norms = None, None
    for run_ids in runs:
        first = read_run(connection, run_ids[0])
        models.append(first.model)
        if sum(map(len, runs)) == 1:
            run, norms = first, read_norms(connection, first.run_id)
        rows = _rows(connection, run_ids, question)
        fitted += [
            fit_series(name, part, first.n_layer, question)
            for name, part in (
                _split(connection, run_ids, rows, by, notes) if by else [(first.model, rows)]
            )
        ]
    head = by or ("model" if len(models) > 1 else None)
    return collect(models, fitted, question, notes, head, run, norms)


def fit_series(name: str, rows: pd.DataFrame, n_layer: int, question: Question) -> Series:
    """Fit every layer of a model in these rows."""
    fits = fit_each(rows, range(n_layer), question.formula, question.covariance)
    drift = measure_drift(rows, question, fits)
    return Series(name, n_layer, rows["run_id"].nunique(), fits, drift)


def collect(
    models: list[str],
    fitted: list[Series],
    question: Question,
    notes: Sequence[str] = (),
    head: str | None = None,
    run: Run | None = None,
    norms: pd.DataFrame | None = None,
) -> Comparison:
    """Put series side by side.

    Args:
        models: names of the models.
        fitted: the series. One that could not be fitted in any layer is left out.
        question: what was asked.
        notes: what was left out so far.
        head: the column of coefficients.csv with the names of the series, if it has one.
        run: the run, if there was only one.
        norms: its rows of lm.adjustment_norm.

    Raises:
        PsqlmError: nothing could be fitted.
    """
    alone = len(fitted) == 1 and head is None
    notes = [
        *notes,
        *(
            f"{'all layers' if where == 'it' else where}: no regression, {reason}"
            if alone
            else f"{one.name}: {where} cannot be fitted: {reason}"
            for one in fitted
            for where, reason in _impossible(one.fits)
        ),
        *(
            f"layer {fit.layer}: {fit.n_left_out} rows left out, a norm of 0 has no logarithm"
            for one in fitted
            for fit in one.fitted
            if fit.n_left_out and alone
        ),
    ]
    possible = [one for one in fitted if one.terms]
    if not possible and alone and run is not None:
        tokens = "1 token" if run.n_tokens == 1 else f"{run.n_tokens} tokens"
        raise PsqlmError(
            f"run {run.run_id} ({tokens}) cannot be regressed in any layer: "
            f"{fitted[0].fits[0].impossible}; so many regressors take a prompt of "
            f"{question.fewest_tokens} tokens or more"
        )
    if not possible:
        raise PsqlmError(f"nothing can be fitted: {'; '.join(notes)}")
    if question.covariance == "cluster":
        warned = ((one.name, few_clusters(one.n_runs)) for one in possible)
        notes += [f"{name}: {warning}" for name, warning in warned if warning]
    by_depth = len(models) > 1
    table = coefficients(possible, head, by_depth)
    if run is not None and head is None and question == RECIPE:
        table = table[RECIPE_COLUMNS]
    return Comparison(
        models, head or "model", by_depth, question, possible, notes, table, run, norms
    )


def _rows(
    connection: psycopg.Connection, run_ids: Sequence[int], question: Question
) -> pd.DataFrame:
    """Rows of lm.lag_rows, and a column for each tag that the formula names."""
    rows = read_rows(connection, run_ids, question.lags)
    words = set(re.findall(r"\w+", question.formula))
    for name in tag_names(connection, run_ids):
        if name in words and name not in rows.columns:
            tags = read_tags(connection, run_ids, name)
            numbers = pd.to_numeric(tags[name], errors="coerce")
            if numbers.notna().all():
                tags[name] = numbers
            rows = rows.merge(tags, on=["run_id", "position"], how="left")
    return rows


def _split(
    connection: psycopg.Connection,
    run_ids: Sequence[int],
    rows: pd.DataFrame,
    by: str,
    notes: list[str],
) -> list[tuple[str, pd.DataFrame]]:
    """Rows by the value of a tag, the values in order."""
    tags = read_tags(connection, run_ids, by).rename(columns={by: "group"})
    tagged = rows[["run_id", "position"]].merge(tags, on=["run_id", "position"], how="left")
    group = tagged["group"].to_numpy()
    if untagged := int(pd.isna(group).sum()):
        n_layer = max(rows["layer"].nunique(), 1)
        notes.append(f"left out: {untagged // n_layer} rows of each layer without the tag {by}")
    return [(str(value), rows[group == value]) for value in sorted(set(tags["group"]))]


def _impossible(fits: list[Fit]) -> list[tuple[str, str]]:
    """Reasons, each once, with the layers that they apply to."""
    layers: dict[str, list[int]] = {}
    for fit in fits:
        if fit.impossible:
            layers.setdefault(fit.impossible, []).append(fit.layer)
    return [
        ("it" if len(where) == len(fits) > 1 else f"layer {', '.join(map(str, where))}", reason)
        for reason, where in layers.items()
    ]


def coefficients(
    series: list[Series], head: str | None = None, by_depth: bool = False
) -> pd.DataFrame:
    """A row for each series and layer, with the column names of lm.lag_ols."""
    records = []
    for one in series:
        for fit in one.fits:
            record: dict[str, object] = {head: one.name} if head else {}
            record["layer"] = fit.layer
            if by_depth:
                record["depth"] = one.depth(fit.layer)
            record["n"] = fit.n
            ols = fit.ols
            for prefix, values in (
                ("beta_", None if ols is None else ols.params),
                ("se_", None if ols is None else ols.bse),
                ("p_", None if ols is None else ols.pvalues),
            ):
                for term in (CONSTANT, *one.terms):
                    value = np.nan if values is None else values.get(term, np.nan)
                    record[_column(prefix, term)] = value
            record["r_squared"] = np.nan if ols is None else ols.rsquared
            record["adj_r_squared"] = np.nan if ols is None else ols.rsquared_adj
            records.append(record)
    table: pd.DataFrame = pd.DataFrame(records)
    return table


def _column(prefix: str, term: str) -> str:
    if term == CONSTANT:
        return "intercept" if prefix == "beta_" else f"{prefix}intercept"
    return prefix + (term.replace("_", "") if is_lag(term) else term)
