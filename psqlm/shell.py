"""How users see what fails."""

from __future__ import annotations

from typing import Any, NoReturn

import psycopg
import typer
from typer.core import TyperGroup

from psqlm.errors import PsqlmError


class Commands(TyperGroup):
    """The commands; whatever fails in one of them is one line on standard error and status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except PsqlmError as error:
            _fail(str(error))
        except psycopg.Error as error:
            said = [error.diag.message_primary or str(error), error.diag.message_hint]
            _fail("; ".join(part for part in said if part))
        except KeyboardInterrupt:
            _fail("interrupted")
        except BrokenPipeError:  # a reader such as head has seen enough
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"psqlm: {' '.join(message.split())}", err=True)
    raise typer.Exit(1)
