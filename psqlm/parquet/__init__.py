"""Runs as Parquet files: taken out of a database, and brought back into one.

It needs pyarrow, which is imported where it is used: pip install 'psqlm[parquet]'.
"""
