"""What analyses of exported runs share, whichever engine runs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from psqlm.errors import PsqlmError

if TYPE_CHECKING:
    import pandas as pd

STATEMENTS = Path(__file__).parent / "statements"
VIEWS = Path(__file__).parent / "views"


class Lake(ABC):
    """Exported runs in an engine that queries them.

    Their relations are text, token, tag, activation, pattern and logit, with the columns of the
    files and model, capture and site; edge and element have a row for each number of pattern and of
    activation.
    """

    @abstractmethod
    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a statement.

        Raises:
            PsqlmError: what the engine said.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of what was opened."""

    def ask(self, name: str) -> pd.DataFrame:
        """The rows of one of the statements that come along."""
        return self.query(statement(name))

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def statements() -> list[str]:
    """The names of the statements that come along."""
    return sorted(path.stem for path in STATEMENTS.glob("*.sql"))


def statement(name: str) -> str:
    """The text of a statement that comes along, the same for all engines.

    Raises:
        PsqlmError: there is none of that name.
    """
    if name not in statements():
        raise PsqlmError(f"there is no statement {name}: {', '.join(statements())}")
    return (STATEMENTS / f"{name}.sql").read_text("utf-8").strip().rstrip(";")


def views(engine: str) -> list[str]:
    """The statements that unpack lists in an engine."""
    said = (VIEWS / f"{engine}.sql").read_text("utf-8")
    return [part for part in said.split(";\n") if part.strip()]
