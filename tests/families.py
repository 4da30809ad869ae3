"""The small random models of family_models in a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import family_models
import psycopg

from psqlm import loader


class Families:
    """Models of family_models by their names there, saved and loaded when first asked for."""

    def __init__(self, connection: psycopg.Connection, folder: Path) -> None:
        self.connection = connection
        self._folder = folder
        self._loaded: dict[str, Path] = {}

    def folder(self, name: str) -> Path:
        """A model's files; the model is loaded by its name."""
        if name not in self._loaded:
            folder = self._folder / str(len(self._loaded))
            loader.load(self.connection, str(family_models.save(name, folder)), name=name)
            self.connection.commit()
            self._loaded[name] = folder
        return self._loaded[name]

    def execute(self, query: str, *values: Any) -> list[tuple]:
        """The rows of a query."""
        return self.connection.execute(query, values).fetchall()
