"""The command generate: texts continued."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from psqlm.cli.log import note
from psqlm.cli.options import Dsn, File, Interventions, Model
from psqlm.cli.shell import connect, read_prompt
from psqlm.printable import printable
from psqlm.runs.texts import Each, split


def generate(
    prompt: Annotated[str | None, typer.Argument()] = None,
    file: File = None,
    each: Annotated[
        Each | None, typer.Option(help="Continue each of these of a file, many together.")
    ] = None,
    n_tokens: Annotated[
        int, typer.Option("-n", "--n-tokens", metavar="N", help="How many tokens at most.")
    ] = 20,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0,
    top_k: Annotated[int | None, typer.Option(help="Draw among the k likeliest.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Draw among the likeliest that make up this probability.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same text.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --each, a line of JSON for each text.")
    ] = False,
    model: Model = None,
    interventions: Interventions = None,
    dsn: Dsn = None,
) -> None:
    """Continue a text, token by token; or with --each many together, a line for each.

    Examples: **psqlm generate "Once upon a time" -n 50 --temperature 0.8 --seed 1** ·
    **psqlm generate --file openings.txt --each line --json**
    """
    from psqlm.runs.generate import many, stream

    text = read_prompt(prompt, file)
    if each and file is None:
        raise typer.BadParameter("--each goes with --file")
    if as_json and each is None:
        raise typer.BadParameter("--json goes with --each")
    settings = (n_tokens, temperature, top_k, top_p, seed, model, interventions)
    if each is None:
        with connect(dsn) as connection:
            _print(text, stream(connection, text, *settings))
        return
    prompts = [part.text for part in split(text, each) if part.text.strip()]
    with connect(dsn) as connection:
        for given, continuation in zip(prompts, many(connection, prompts, *settings), strict=True):
            if as_json:
                line = json.dumps({"prompt": given, "text": continuation}, ensure_ascii=False)
            else:
                line = printable(given + continuation, "\t")
            typer.echo(line)
            sys.stdout.flush()
    note(texts=len(prompts))


def _print(prompt: str, pieces: Iterator[str]) -> None:
    """A prompt and the pieces of its continuation, as they come."""
    n_pieces = 0
    try:
        for piece in pieces:
            # the prompt once the first token is there: bad input is an error and nothing else
            text = piece if n_pieces else prompt + piece
            n_pieces += 1
            # whole, to a file or a pipe; a terminal would obey what it holds
            shown = printable(text, "\n\t") if sys.stdout.isatty() else text
            typer.echo(shown, nl=False, color=True)
            sys.stdout.flush()
            note(pieces=n_pieces)
    finally:
        if n_pieces:
            typer.echo()  # after Ctrl-C too
