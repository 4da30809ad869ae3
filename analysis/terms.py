"""The terms of a regression, as statsmodels names them."""

from __future__ import annotations

import re

CONSTANT = "Intercept"


def is_lag(term: str) -> bool:
    """Whether a term is the log norm of a token before, and that alone."""
    return re.fullmatch(r"lag_\d+", term) is not None


def label(term: str) -> str:
    """A term in words."""
    return term.replace("_", " ")
