"""A run that kept all that a page shows: this one, one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from psqlm.errors import PsqlmError
from psqlm.view.answer import ask

Say = Callable[[str], None]

SHOWN = ["embed", "pos_embed", "pattern", "z", "attn_out", "mlp_out", "resid_post"]
"""The sites that a page shows, where a model has them."""


def run_text(connection: psycopg.Connection, prompt: str, model: str | None = None) -> int:
    """The run of a text that kept all that a page shows; it is made if there is none.

    Raises:
        PsqlmError: no such model, or a text that cannot be run.
    """
    rows = ask(connection, "run_text", prompt=prompt, model=model, shown=SHOWN).rows
    if rows.empty:
        raise PsqlmError(f'no model "{model}" is loaded: psqlm models lists those that are')
    return int(rows["run_id"][0])


def complete_run(
    connection: psycopg.Connection, run_id: int, say: Say, *, plain: bool = False
) -> int:
    """The run to show in place of a run; it is made if there is none.

    Args:
        connection: to the database.
        run_id: the run that is asked for.
        say: told what was done.
        plain: whether its tokens are wanted without interventions.

    Raises:
        PsqlmError: there is no such run; its interventions have changed, so it cannot be repeated.
    """
    rows = ask(connection, "complete_run", run_id=run_id, plain=plain, shown=SHOWN).rows
    if rows.empty:
        raise PsqlmError(
            f"there is no run {run_id}: the table lm.run lists the runs, psqlm run PROMPT makes one"
        )
    why = (
        f"to compare run {run_id} with its tokens without interventions"
        if plain
        else f"run {run_id} did not keep all that is shown"
    )
    for other in rows["complete_run"].dropna().tolist():
        if other != run_id:
            say(f"{why}: run {other} serves")
        return int(other)
    found = rows.iloc[0]
    if found["has_changed"] and not plain:
        raise PsqlmError(
            f"{why}, and its interventions {found['interventions']} have changed since: "
            "run its text anew"
        )
    again = ask(
        connection,
        "run_again",
        run_id=run_id,
        sites=found["sites"],
        interventions=None if plain else found["interventions"],
    )
    made = int(again.rows["run_id"][0])
    say(f"{why}: its tokens are run again, as run {made}")
    return made
