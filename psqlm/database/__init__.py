"""The database: a server, the connection to it, and psqlm's SQL in it."""

from psqlm.database.connection import connect, resolve
from psqlm.database.installation import digest, install

__all__ = ["connect", "digest", "install", "resolve"]
