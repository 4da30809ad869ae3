"""The commands of psqlm spark: corpora on Apache Spark."""

from __future__ import annotations

from typing import Annotated

import typer

from psqlm.cli import complete, lake
from psqlm.cli.log import Logged, note
from psqlm.cli.options import CaptureLayers, CapturePositions, numbers
from psqlm.parquet.layout import DType
from psqlm.printable import printable
from psqlm.runs.texts import Each

app = typer.Typer(
    help="Corpora on Apache Spark: a database in every executor, Parquet out.",
    no_args_is_help=True,
)


@app.command(cls=Logged)
def run(
    texts: Annotated[
        str, typer.Option(metavar="PATH", help="Files, a folder or a pattern, as Spark reads them.")
    ],
    out: Annotated[
        str, typer.Option(metavar="DIR", help="A folder on a disk, or s3://, gs://, hdfs://.")
    ],
    master: Annotated[
        str | None,
        typer.Option(help="local[2], spark://…, yarn, k8s://…; spark-submit says it by itself."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="demo, demo-llama, a folder or a repository.")
    ] = "demo",
    name: Annotated[str | None, typer.Option(help="What the model is called.")] = None,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit of the repository.")
    ] = None,
    weights: Annotated[DType, typer.Option(help="How the model's weights are stored.")] = "float32",
    capture: Annotated[
        list[str],
        typer.Option(
            metavar="SITE",
            help="What to keep, repeatable: z, …, or all.",
            autocompletion=complete.sites,
        ),
    ] = ["attn_out"],  # noqa: B006 (read only)
    capture_layers: CaptureLayers = None,
    capture_positions: CapturePositions = None,
    top_logits: Annotated[
        int, typer.Option(help="Of captured logits, the highest of each position.")
    ] = 10,
    dtype: Annotated[
        DType, typer.Option(help="float16 rounds vectors to it, which take less space then.")
    ] = "float32",
    each: Annotated[Each, typer.Option(help="What is a text in a file of text.")] = "line",
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="text|parquet|json", help="By default by their names."),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Which column has the texts, in Parquet and JSON.")
    ] = "text",
    task_tokens: Annotated[int, typer.Option(min=1, help="Tokens of a task, about.")] = 8192,
    memory: Annotated[
        int | None, typer.Option(min=128, help="Megabytes of an executor's database.")
    ] = None,
    conf: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of Spark, repeatable.")
    ] = None,
) -> None:
    """Run a corpus on Spark, and add what comes of it to a folder of Parquet files.

    What the folder has is not run again: stopped or killed, the same command goes on.

    Example: **psqlm spark run --texts tales.txt --each paragraph --out lake --master local[2]**
    """
    from typing import cast, get_args

    from psqlm.spark.job import Corpus
    from psqlm.spark.job import run as run_job
    from psqlm.spark.progress import Line
    from psqlm.spark.requirements import require_pyspark
    from psqlm.spark.rows import Capture
    from psqlm.spark.session import open_session
    from psqlm.spark.setup import make_setup
    from psqlm.spark.texts import Kind, kind_of

    require_pyspark()
    if form is not None and form not in get_args(Kind):
        raise typer.BadParameter("--format takes text, parquet or json")
    sites = tuple(site for given in capture for site in given.replace(",", " ").split())
    layers = numbers("--capture-layers", capture_layers)
    positions = numbers("--capture-positions", capture_positions)
    setup = make_setup(model, name, revision, weights, memory)
    wanted = Capture(
        setup.name,
        sites,
        None if layers is None else tuple(layers),
        None if positions is None else tuple(positions),
        top_logits,
    )
    spark = open_session(setup, master, _settings(conf or []))
    try:
        what = Corpus(texts, cast("Kind", form or kind_of(texts)), each, column)
        outcome = run_job(spark, what, out, setup, wanted, dtype, task_tokens, Line)
    finally:
        spark.stop()
    for reason, n in sorted(outcome.left_out.items()):
        typer.echo(printable(f"{_texts(n)} left out: {reason}"), err=True)
    rate = outcome.n_tokens / outcome.seconds if outcome.seconds else 0
    there = f", {_texts(outcome.n_before)} had been there" if outcome.n_before else ""
    typer.echo(
        f"{_texts(outcome.n_texts)} run ({outcome.n_tokens:,} tokens in {outcome.seconds:.1f} s, "
        f"{rate:,.0f} tokens/s){there}; capture {outcome.key} in {out}",
        err=True,
    )
    note(made=outcome.n_texts, before=outcome.n_before, tokens=outcome.n_tokens)


app.command(cls=Logged)(lake.analyze)


def _texts(n: int) -> str:
    return "1 text" if n == 1 else f"{n:,} texts"


def _settings(given: list[str]) -> dict[str, str]:
    if not all(setting.partition("=")[0] and "=" in setting for setting in given):
        raise typer.BadParameter("--conf takes NAME=VALUE")
    return dict(setting.partition("=")[::2] for setting in given)
