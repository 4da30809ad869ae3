"""A comparison in words: a few lines, and all of summary.txt."""

from __future__ import annotations

from psqlm.printable import printable

from .comparison import Comparison, Series
from .drift import STRONG
from .fitting import RECIPE
from .regression import ALPHA, Fit, adjusted_for_layers
from .terms import label


def tell(comparison: Comparison) -> list[str]:
    """Where each term matters, how much of it is drift along the text, and what was left out."""
    series = comparison.series
    if len(series) == 1:
        return [*_terms(series[0]), *_explained(series[0]), *_drift(series[0]), *comparison.notes]
    return [*map(_side_by_side, series), *comparison.notes]


def summary(comparison: Comparison) -> str:
    """The text of summary.txt."""
    several = len(comparison.series) > 1
    parts = ["\n".join([*_head(comparison), *tell(comparison)])]
    if comparison.run is not None:
        parts[0] += f"\n\nPrompt: {comparison.run.prompt}"
    for one in comparison.series:
        of = f" of {one.name}" if several else ""
        parts.append(f"=== Drift along the text{of} ===\n{_drift_table(one)}")
    for one in comparison.series:
        for fit in one.fits:
            where = f"{one.name}, layer" if several else "Layer"
            parts.append(f"=== {where} {fit.layer} (n = {fit.n}) ===\n{fit.summary()}")
    return "\n\n\n".join(parts) + "\n"


def subject(comparison: Comparison) -> str:
    """What was fitted: a run with its first words, or the number of runs and the models."""
    models = printable(", ".join(comparison.models))
    if comparison.run is not None:
        run = comparison.run
        return f"{run.title}: {models}, {run.n_tokens} tokens"
    n_runs = sum(one.n_runs for one in comparison.series)
    return models if len(comparison.models) > 1 else f"{models}, {n_runs} runs"


def _head(comparison: Comparison) -> list[str]:
    lines = [f"Attention adjustments: {subject(comparison)}", f"{comparison.question}", ""]
    if comparison.question == RECIPE:
        lines[1] = "log_norm[t] = Intercept + lag_1 log_norm[t-1] + lag_2 log_norm[t-2], t ≥ 3"
    return lines


def _terms(series: Series) -> list[str]:
    lines = []
    for term in series.terms:
        slopes = [fit.ols.params[term] for fit in series.fitted]
        p = [fit.ols.pvalues[term] for fit in series.fitted]
        lines.append(
            f"{label(term)}: p < .05 in {_below(p)} of {len(p)} layers "
            f"({_below(adjusted_for_layers(p))} by Benjamini–Hochberg), "
            f"slopes {number(min(slopes))} to {number(max(slopes))}"
        )
    return lines


def _explained(series: Series) -> list[str]:
    def r_squared(fit: Fit) -> float:
        return float(fit.ols.rsquared)

    best, worst = max(series.fitted, key=r_squared), min(series.fitted, key=r_squared)
    return [
        f"together they explain most in layer {best.layer} (R² {r_squared(best):.3f}), "
        f"least in layer {worst.layer} (R² {r_squared(worst):.3f})"
    ]


def _drift(series: Series) -> list[str]:
    """Whether a large R² means that tokens follow from each other, or only drift."""
    drifting = [one for one in series.drift if abs(one.correlation) >= STRONG]
    lines = []
    if drifting:
        where = ", ".join(f"{one.layer} ({one.correlation:.3f})" for one in drifting)
        lines.append(
            f"mostly drift: the log norm goes with position (|r| ≥ {STRONG}) in layer {where}, "
            "and there R² says little about one token following from another"
        )
    controlled = [one.controlled.ols for one in series.drift if one.controlled.ols is not None]
    if controlled and series.lags and "position" not in series.terms:
        told = [
            f"{label(lag)} in {_below([ols.pvalues[lag] for ols in controlled])} "
            f"({number(min(ols.params[lag] for ols in controlled))} to "
            f"{number(max(ols.params[lag] for ols in controlled))})"
            for lag in series.lags
        ]
        lines.append(
            f"with position controlled for, of {len(controlled)} layers p < .05 for "
            f"{', '.join(told)}"
        )
    return lines


def _side_by_side(series: Series) -> str:
    told = [
        f"{label(term)} in {_below([fit.ols.pvalues[term] for fit in series.fitted])} "
        f"({min(fit.ols.params[term] for fit in series.fitted):.2g} to "
        f"{max(fit.ols.params[term] for fit in series.fitted):.2g})"
        for term in series.terms
    ]
    drifting = [one for one in series.drift if abs(one.correlation) >= STRONG]
    drift = f"; mostly drift along the text in {len(drifting)}" if drifting else ""
    return f"{series.name}, of {len(series.fitted)} layers p < .05 for {', '.join(told)}{drift}"


def _drift_table(series: Series) -> str:
    """Correlation with position, and the slopes on lags with position controlled for."""
    lags = series.lags
    headings = ["layer", "r(position)", *lags, *(f"p({lag})" for lag in lags), "R²", "DW"]
    rows = [headings]
    for one in series.drift:
        ols = one.controlled.ols
        cells = ["–"] * (2 * len(lags) + 1)
        if ols is not None:
            cells = [f"{ols.params[lag]:.3f}" for lag in lags]
            cells += [f"{ols.pvalues[lag]:.3g}" for lag in lags]
            cells += [f"{ols.rsquared:.3f}"]
        rows.append([f"{one.layer}", f"{one.correlation:.3f}", *cells, f"{one.durbin_watson:.3f}"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(
        [
            "r(position): correlation of the log norm with position. Slopes, p and R² are those of",
            "the regression with position controlled for. DW: Durbin–Watson of the regression",
            "without it: below 2 the residuals of neighbouring tokens are alike and p-values too",
            "small, above 2 they are opposed; lags among the regressors draw it towards 2.",
            "",
            *lines,
        ]
    )


def _below(p: list[float]) -> int:
    return sum(value < ALPHA for value in p)


def number(value: float) -> str:
    """Three decimals, or a power of ten where they would all be 0."""
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.0e}"
