"""A run that kept all that a page shows: this one, one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from psqlm.errors import PsqlmError
from psqlm.view.answer import ask

Say = Callable[[str], None]


def complete_run(connection: psycopg.Connection, run_id: int, say: Say) -> int:
    """The run to show in place of a run; it is made if there is none.

    Args:
        connection: to the database.
        run_id: the run that is asked for.
        say: told what was done.

    Raises:
        PsqlmError: there is no such run; its interventions have changed, so it cannot be repeated.
    """
    rows = ask(connection, "complete_run", run_id=run_id).rows
    if rows.empty:
        raise PsqlmError(
            f"there is no run {run_id}: the table lm.run lists the runs, psqlm run PROMPT makes one"
        )
    found = rows.iloc[0]
    if found["complete_run"] == run_id:
        return run_id
    if not rows["complete_run"].isna()[0]:
        other = int(found["complete_run"])
        say(f"run {run_id} did not keep all that is shown; run {other} of the same tokens did")
        return other
    if found["has_changed"]:
        raise PsqlmError(
            f"run {run_id} did not keep all that is shown, and its interventions "
            f"{found['interventions']} have changed since: run its text anew"
        )
    made = int(run_again(connection, run_id, found["interventions"]))
    say(f"run {run_id} did not keep all that is shown: its tokens were run again, as run {made}")
    return made


def run_again(connection: psycopg.Connection, run_id: int, interventions: str | None) -> int:
    """Run the tokens of a run, with these interventions, and keep all that a page shows."""
    sites = ask(connection, "complete_run", run_id=run_id).rows["sites"][0]
    again = ask(connection, "run_again", run_id=run_id, sites=sites, interventions=interventions)
    return int(again.rows["run_id"][0])
