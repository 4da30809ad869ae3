"""The command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from psqlm import __version__
from psqlm.cli import (
    analyze,
    cancel,
    complete,
    generate,
    grant,
    parquet,
    run,
    runs,
    server,
    spark,
    status,
    verify,
    view,
)
from psqlm.cli.log import Logged
from psqlm.cli.options import Dsn
from psqlm.cli.shell import Commands, connect
from psqlm.printable import printable

Command = TypeVar("Command", bound=Callable[..., Any])


class App(typer.Typer):
    """The program: each of its commands is logged."""

    def command(self, *arguments: Any, **options: Any) -> Callable[[Command], Command]:
        """Add a command."""
        return super().command(*arguments, **{"cls": Logged, **options})


app = App(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(*command: str) -> None:
    """Run the command line; `command` goes before what the user typed."""
    app([*command, *sys.argv[1:]], prog_name="psqlm")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"psqlm {__version__}")
        raise typer.Exit


@app.callback()
def psqlm(
    dsn: Dsn = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print it and exit."
        ),
    ] = False,
) -> None:
    """A language model that you query: GPT-2, Llama and their kin in PostgreSQL and pgvector.

    Begin with **psqlm demo**; then open **psqlm sql** and ask your own questions.
    """
    if dsn:
        os.environ["PSQLM_DSN"] = dsn


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder for tables and figures.")] = Path(
        "demo-output"
    ),
    dsn: Dsn = None,
) -> None:
    """Do the main job on the bundled model: tokenize, run, regress, draw, summarise."""
    from psqlm.cli.demo import run_demo

    with connect(dsn) as connection:
        run_demo(connection, out)


@app.command()
def load(
    source: Annotated[
        str,
        typer.Argument(
            help="demo, demo-llama, a repository of Hugging Face (gpt2, …) or a folder."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="What to call it; by default as the source is called.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the repository.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="float32|float16", help="How to store weights: float32.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the model of that name; its runs are removed.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before --force removes runs.")
    ] = False,
    keep_old: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Replace, and keep the old model and its runs as NAME."),
    ] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing if a model of that name is loaded.")
    ] = False,
    dsn: Dsn = None,
) -> None:
    """Load a model into the database, all of it or nothing.

    Families: gpt2, gpt_neo, gpt_neox (Pythia), opt, phi, llama, mistral, qwen2, qwen3, smollm3,
    gemma, gemma2, gemma3_text, olmo2, as config.json calls them (model_type).

    Examples: **psqlm load gpt2** · **psqlm load HuggingFaceTB/SmolLM2-135M** ·
    **psqlm load ./my-model --name mine --dtype float16**
    """
    from psqlm import loader
    from psqlm.cli.models import confirm_replacement, load_with_progress

    name = name or loader.default_name(source)
    with connect(dsn) as connection:
        if not (if_missing and loader.is_loaded(connection, name)):
            if force and not (yes or keep_old):
                confirm_replacement(connection, name)
            replaces = force or keep_old is not None
            load_with_progress(connection, source, name, revision, dtype, replaces, keep_old)


@app.command()
def models(dsn: Dsn = None) -> None:
    """List the loaded models."""
    from psqlm.cli.models import print_models

    with connect(dsn) as connection:
        print_models(connection)


@app.command()
def drop(
    name: Annotated[str, typer.Argument(autocompletion=complete.models)], dsn: Dsn = None
) -> None:
    """Remove a model and all that belongs to it, its runs too."""
    from psqlm import loader

    with connect(dsn) as connection:
        loader.drop(connection, name)
    typer.echo(f"dropped {printable(name)}", err=True)


app.command()(run.run)


app.command()(runs.runs)


app.command()(runs.rm)


app.command()(generate.generate)


app.command()(analyze.analyze)


app.command()(view.view)


app.command()(verify.verify)


app.command()(parquet.export)


app.command("import")(parquet.import_)


app.command()(grant.grant)


app.command()(status.status)


app.command()(cancel.cancel)


app.command()(status.vacuum)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def sql(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="PSQL_ARGUMENTS")] = None,
) -> None:
    """Open psql on the database, or pass it arguments.

    Examples: **psqlm sql** · **psqlm sql -c "TABLE lm.adjustment_norm" --csv**
    """
    from psqlm.cli.starters import greet
    from psqlm.database.psql import execute

    if not arguments and sys.stdin.isatty() and sys.stdout.isatty():
        with connect(None) as connection:
            greet(connection)
    execute(arguments or [])


app.command()(server.start)


@app.command()
def stop() -> None:
    """Stop the embedded server."""
    from psqlm.database.server import EmbeddedServer

    stopped = EmbeddedServer().stop()
    typer.echo("stopped" if stopped else "no embedded server is running", err=True)


app.command("dsn")(server.print_dsn)


app.add_typer(spark.app, name="spark")


@app.command()
def synth(
    size: Annotated[
        str,
        typer.Argument(
            help="distilgpt2, gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2-135m, pythia-70m, "
            "qwen3-0.6b or llama-3.2-1b."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    seed: Annotated[int, typer.Option(help="Of the random weights.")] = 0,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where vocab.json and merges.txt are.")
    ] = None,
) -> None:
    """Write a random-weight model of a known size in Hugging Face's layout, for benchmarks."""
    from psqlm.synth import synth as write

    write(size, folder, seed, tokenizer)
    typer.echo(f"written; next: psqlm load {folder}", err=True)


@app.command()
def bench(
    json: Annotated[Path | None, typer.Option(help="Write the measurements to a file too.")] = None,
    size: Annotated[
        str,
        typer.Option(
            help="A size that psqlm synth makes, or demo: the bundled model. "
            "Of sizes other than gpt2, fewer rows."
        ),
    ] = "gpt2",
    dtype: Annotated[
        list[str] | None,
        typer.Option(metavar="float32|float16", help="How weights are stored; both, one by one."),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where vocab.json and merges.txt are.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rows and repeats.")] = False,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What --json wrote before: print before and after."),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Measure speed, against transformers where it is installed."""
    from psqlm import bench as benchmark
    from psqlm.database import resolve

    benchmark.main(
        resolve(dsn),
        json,
        before=compare,
        size=size,
        dtypes=dtype,
        quick=quick,
        tokenizer=tokenizer,
    )
