"""The command line."""

from psqlm.cli.commands import app, main

__all__ = ["app", "main"]
