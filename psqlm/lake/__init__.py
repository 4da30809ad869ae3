"""Exported runs as tables of DuckDB or Spark, and the statements that analyse them there.

with psqlm.lake.open("tales") as lake:
lake.query("SELECT layer, avg(norm) FROM activation WHERE position > 0 GROUP BY layer")
lake.ask("head_scores")
"""

from psqlm.lake.lake import Lake, statement, statements
from psqlm.lake.opening import open_database, open_lake

open = open_lake  # noqa: A001 (psqlm.lake.open reads well)

__all__ = ["Lake", "open", "open_database", "open_lake", "statement", "statements"]
