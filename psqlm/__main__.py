"""`python -m psqlm`, the same as `psqlm`."""

from psqlm.cli import main

main()
