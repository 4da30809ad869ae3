"""A language model that you query: GPT-2 in PostgreSQL and pgvector."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("psqlm")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0"
