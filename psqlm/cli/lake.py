"""The command spark analyze: exported runs, where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psqlm.cli.options import Dsn
from psqlm.cli.shell import connect
from psqlm.lake.opening import Engine


def analyze(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="What psqlm export or psqlm spark run wrote.")
    ],
    engine: Annotated[
        Engine | None,
        typer.Option(help="What reads it; DuckDB if it is installed, and needs no Java."),
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where Spark runs: local[2], spark://…, yarn, k8s://…"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for tables and figures.")] = Path(
        "comparison"
    ),
    dsn: Dsn = None,
) -> None:
    """Regress each layer's attention adjustments on those of the two tokens before.

    What psqlm analyze does, on exported files: each model and each capture by itself. Sums of
    products are all that leaves the engine.

    Examples: **psqlm spark analyze tales** ·
    **psqlm spark analyze s3a://lake/tales --master yarn**
    """
    if master is not None and engine == "duckdb":
        raise typer.BadParameter("--master is of Spark: leave out --engine duckdb")
    from psqlm import lake
    from psqlm.analysis.moments import compare_moments
    from psqlm.analysis.report import report

    with lake.open(folder, engine, master=master) as opened:
        moments, texts = opened.ask("lag_moments"), opened.ask("texts")
    with connect(dsn) as connection:
        report(compare_moments(connection, moments, texts), out)
