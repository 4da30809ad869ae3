"""Texts that would do something if they were taken for more than text."""

from __future__ import annotations

SQL = "CREATE TABLE owned (); DROP TABLE lm.run CASCADE"

HOSTILE: dict[str, str] = {
    "a quote": f"x'; {SQL}; --",
    "quotes": f"''; {SQL}; --",
    "a double quote": f'x"; {SQL}; --',
    "a backslash": f"\\'; {SQL}; --",
    "a closed call": f"x'); {SQL}; --",
    "dollars": f"$$; {SQL}; $$",
    "named dollars": f"$body$; {SQL}; $body$",
    "a comment": "x -- /* y",
    "formats": "%s %I %1$L %n %% {0} {name}",
    "a pattern": "_%[^a].*(?=x)$^",
    "backslashes": "\\n\\x41\\u0041\\0",
    "a shell": "$(touch owned) `touch owned` ; touch owned | & > owned",
    "lines": "first\nsecond\r\nthird\ttabbed",
    "a terminal": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b31m\b\b",
    "directions": "\u202egnp.exe\u2066\u2028\u200b\ufeff",
    "markup": "[/red][bold]x[/] [link=file:///etc/passwd]y[/link]",
    "mathematics": "$\\frac{$ $x^{2}$",
    "JSON": '{"a": [1, "\\"]}',
    "an array": '{NULL,"a",b}',
    "spaces": "  x  ",
    "an option": "--force",
    "a name of ours": "demo",
    "NULL": "NULL",
    "long": "x" * 3000,
}
TERMINAL = "\x1b\x9b\x07\b\u202e\u2066\u2028"
"""Characters of theirs that must not reach a terminal."""
