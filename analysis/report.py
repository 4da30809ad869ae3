"""The report of a comparison: printed, written and drawn."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from psqlm.printable import printable

from .comparison import Comparison
from .files import write_files
from .story import summary, tell
from .tables import print_tables


def report(comparison: Comparison, out: Path, console: Console | None = None) -> list[Path]:
    """Print the slopes; write coefficients.csv, summary.txt and the figures.

    Args:
        comparison: what was fitted.
        out: the folder for the files, made if needed. Files with the same names are replaced.
        console: where the table is printed. By default standard output.

    Returns:
        The files.

    Raises:
        PsqlmError: the folder cannot be written.
    """
    console = console or Console()
    files = write_report(comparison, out)
    print_tables(comparison, console)
    names = ", ".join(path.name for path in files)
    for line in (*tell(comparison), "", f"written to {out}: {names}"):
        console.print(printable(line), highlight=False, markup=False, soft_wrap=True)
    return files


def write_report(comparison: Comparison, out: Path) -> list[Path]:
    """Write the files of `report`."""
    # matplotlib takes a second to start
    from .drawing import savers, style
    from .norms_figure import norms_figure
    from .slopes_figure import slopes_figure

    with style():
        figures = {}
        if comparison.run is not None and comparison.norms is not None:
            figures = savers("log_norms", norms_figure(comparison.run, comparison.norms))
        figures |= savers("slopes", slopes_figure(comparison))
        return write_files(
            out,
            {
                "coefficients.csv": lambda path: comparison.table.to_csv(path, index=False),
                "summary.txt": lambda path: path.write_text(summary(comparison), encoding="utf-8"),
                **figures,
            },
        )
