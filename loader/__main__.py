"""`python -m loader …`, the same as `psqlm load …`."""

from psqlm.cli import main

main("load")
