"""What a formula may contain: the libraries that read formulas run them as Python."""

from __future__ import annotations

import keyword
from collections.abc import Collection
from io import StringIO
from tokenize import ENDMARKER, NAME, NEWLINE, NUMBER, OP, STRING, TokenError, generate_tokens

from psqlm.errors import PsqlmError

CONTRASTS = ("Treatment", "Sum", "Helmert", "Diff", "Poly")
"""Of the library itself: how categories are coded, called or named alone."""
TRANSFORMS = ("C", *CONTRASTS, "I", "center", "scale", "standardize", "bs", "cr", "cc", "te")
"""Functions of the library itself: categories, arithmetic, scales, splines."""
NUMPY = ("abs", "exp", "expm1", "log", "log10", "log1p", "log2", "sqrt", "square")
"""Functions of numpy, written np.log."""
OPERATORS = set("~ + - * / ** : ^ | & % ( ) , = == != < <= > >=".split())
CONSTANTS = ("True", "False", "None")


def check_formula(formula: str, columns: Collection[str]) -> None:
    """Refuse a formula with more in it than columns, numbers, text, operators and known functions.

    It is read token by token, and only what is in the lists above may be called. So no other code
    can run, whatever the library takes the formula to mean.

    Raises:
        PsqlmError: the formula has something else in it.
    """
    if wrong := _first_wrong(formula.strip(), columns):
        calls = ", ".join([*TRANSFORMS, *(f"np.{name}" for name in NUMPY)])
        raise PsqlmError(
            f"cannot read the formula {' '.join(formula.split())}: {wrong} is no column, number, "
            f"operator or function; the columns are {', '.join(columns)}; the functions {calls}"
        )


def _first_wrong(formula: str, columns: Collection[str]) -> str | None:
    """The first thing that is not allowed."""
    # signs by which Python or a library for formulas would leave the tokens below
    for sign in formula:
        if sign in "\\`{}" or not sign.isprintable():
            return repr(sign)
    try:
        tokens = [
            token
            for token in generate_tokens(StringIO(formula).readline)
            if token.type not in (NEWLINE, ENDMARKER)
        ]
    except (TokenError, SyntaxError) as error:
        return f"what is not closed ({error.args[0]})"
    texts = ["", *(token.string for token in tokens), ""]
    for place, token in enumerate(tokens):
        before, text, after = texts[place : place + 3]
        allowed = (
            token.type == NUMBER
            or (token.type == STRING and text[0] in "'\"")  # no prefix: plain text
            or (token.type == OP and text in OPERATORS)
            or (text == "." and before == "np" and after in NUMPY)
            or (token.type == NAME and _is_known(before, text, after, columns))
        )
        if not allowed:
            return text
    return None


def _is_known(before: str, name: str, after: str, columns: Collection[str]) -> bool:
    """Whether a name may stand between these two tokens."""
    if before == ".":
        return after == "("  # its own name was looked at with the dot
    if after == "(":
        return name in TRANSFORMS
    if name == "np" and after == ".":
        return True
    if keyword.iskeyword(name):
        return name in CONSTANTS
    return after == "=" or name in CONTRASTS or name in columns
