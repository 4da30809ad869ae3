"""Figures of Plotly: rows of a statement to a drawing, a module for each view."""

from psqlm.errors import PsqlmError

try:
    import plotly.graph_objects  # noqa: F401 (said once, whichever module comes first)
except ImportError as error:
    raise PsqlmError("pictures need plotly: pip install 'psqlm[view]'") from error
