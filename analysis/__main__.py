"""`python -m analysis …`, the same as `psqlm analyze …`."""

from psqlm.cli import main

main("analyze")
