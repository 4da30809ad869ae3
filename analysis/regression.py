"""One layer's regression, and how far to trust it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from psqlm.errors import PsqlmError

ALPHA = 0.05


@dataclass(frozen=True)
class Fit:
    """One layer's regression, or why there is none.

    Attributes:
        layer: from 0.
        n: number of rows without gaps.
        n_left_out: number of rows with a gap: a norm of 0 has no logarithm, or a token lacks a tag.
        ols: statsmodels' results. None if the regression is impossible.
        impossible: the reason, if it is.
    """

    layer: int
    n: int
    n_left_out: int
    ols: Any = None
    impossible: str | None = None

    def summary(self) -> str:
        """The full summary of the regression, or why there is none."""
        if self.ols is None:
            return f"no regression: {self.impossible}"
        with warnings.catch_warnings():
            # the summary itself says that its tests of normality need more rows
            warnings.simplefilter("ignore")
            return str(self.ols.summary())


def check_slopes(ols: Any, layer: int) -> None:
    """Compare statsmodels' solution with that of NumPy's least squares.

    Raises:
        PsqlmError: they differ by more than 1e-9 of the largest coefficient, or by more than
            rounding makes of a design with so large a condition number.
    """
    expected = np.linalg.lstsq(ols.model.exog, ols.model.endog, rcond=None)[0]
    difference = float(np.max(np.abs(ols.params.to_numpy() - expected)))
    rounding = np.finfo(float).eps * float(ols.condition_number) ** 2
    if not difference <= max(1e-9, rounding) * max(1.0, float(np.max(np.abs(expected)))):
        raise PsqlmError(
            f"layer {layer}: statsmodels and NumPy differ by {difference:.1e} in a coefficient: "
            "the design is too ill-conditioned to trust either; try a longer prompt"
        )


def adjusted_for_layers(p: list[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given."""
    return [float(q) for q in multipletests(p, method="fdr_bh")[1]]
