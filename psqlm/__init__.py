"""A language model that you query: GPT-2, Llama and their kin in PostgreSQL and pgvector."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psqlm.interface import LanguageModel

__all__ = ["__version__", "connect"]

try:
    __version__ = version("psqlm")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0"


def connect(dsn: str | None = None, model: str | None = None) -> LanguageModel:
    """Open the database, and install psqlm's SQL in it where it is missing or old.

    Args:
        dsn: a connection string; by default PSQLM_DSN, else the embedded server, which starts.
        model: the model that is meant where a call names none; by default the database's own.

    Returns:
        What `lm.tokenize`, `lm.forward`, `lm.query` and the others are methods of. It is a context
        manager: `with psqlm.connect() as lm:` closes it.

    Raises:
        PsqlmError: there is no connection, the server or pgvector is too old, or the role may not
            install.
    """
    from psqlm.interface import open_language_model  # psycopg and numpy take a while

    return open_language_model(dsn, model)
