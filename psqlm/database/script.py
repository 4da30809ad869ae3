r"""Running sql/install.sql on a connection, as psql would.

Of psql's commands it knows those used there, each on a line of its own: \ir, \if, \else, \endif
and \gset; \set is psql's own affair. BEGIN and COMMIT stand on lines of their own too.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psycopg


class Script:
    """A script, and how far it has come.

    Attributes:
        running: the file that is being run.
        variables: what the script has asked the database.
    """

    def __init__(self, connection: psycopg.Connection, digest: str) -> None:
        """Prepare to run a script.

        Args:
            connection: to run it on, outside any transaction.
            digest: what each transaction finds as the setting psqlm.digest.
        """
        self.running = Path()
        self.variables: dict[str, object] = {}
        self._connection = connection
        self._digest = digest
        self._transaction = ExitStack()
        self._conditions: list[bool] = []

    def run(self, path: Path) -> None:
        """Run a script; an error rolls back the transaction it is in.

        Args:
            path: the script.
        """
        with self._transaction:
            self._run(path)

    def _run(self, path: Path) -> None:
        """Run a file, and those that it includes."""
        statements: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line in ("BEGIN;", "COMMIT;") or line.startswith("\\"):
                self._execute(path, statements, keep=line == "\\gset")
                statements = []
                self._command(path, line)
            else:
                statements.append(line)
        self._execute(path, statements)

    def _execute(self, path: Path, statements: list[str], keep: bool = False) -> None:
        """Execute statements, unless a condition skips them; perhaps keep the row they return."""
        is_empty = all(not line or line.startswith("--") for line in statements)
        if is_empty or not all(self._conditions):
            return
        self.running = path
        cursor = self._connection.execute("\n".join(statements).encode())
        if keep:
            row = cursor.fetchone()
            names = [column.name for column in cursor.description or ()]
            self.variables.update(zip(names, row or (), strict=True))

    def _command(self, path: Path, line: str) -> None:
        """Do what a line says that is no SQL."""
        command, _, argument = line.partition(" ")
        if command == "\\if":
            self._conditions.append(bool(self.variables.get(argument.removeprefix(":"))))
        elif command == "\\else":
            self._conditions.append(not self._conditions.pop())
        elif command == "\\endif":
            self._conditions.pop()
        elif not all(self._conditions):
            return
        elif command == "\\ir":
            self._run(path.parent / argument)
        elif command == "BEGIN;":
            self._transaction.enter_context(self._connection.transaction())
            self._connection.execute(
                "SELECT pg_catalog.set_config('psqlm.digest', %s, true)", (self._digest,)
            )
        elif command == "COMMIT;":
            self._transaction.close()
