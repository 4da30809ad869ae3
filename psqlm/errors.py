"""The one exception of psqlm."""


class PsqlmError(Exception):
    """Work that failed for a reason the user can act on.

    Its text is one clear line that says what to do next; the command line prints it and exits 1.
    """
