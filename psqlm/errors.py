"""The exceptions of psqlm."""


class PsqlmError(Exception):
    """Work that failed for a reason the user can act on.

    Its text is one clear line that says what to do next; the command line prints it and exits 1.
    """


class InterruptionError(PsqlmError):
    """Work that the user stopped; the command line exits 130, as a shell does after Ctrl-C."""
