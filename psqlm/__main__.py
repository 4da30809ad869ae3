"""The program: `psqlm`, and `python -m psqlm`, the same."""

import sys


def main() -> None:
    """Run the command line. From the start, Ctrl-C prints one line and gives status 130."""
    try:
        from psqlm.cli import main as command_line  # takes half a second
    except KeyboardInterrupt:
        print("psqlm: interrupted", file=sys.stderr)
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
