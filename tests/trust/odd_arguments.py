"""Calls of every function that users call, with arguments that make no sense.

What there is to call is read from the catalog: a new function is called too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import psycopg
from psycopg import sql

WIDTH = 24
"""Of the model that is called."""

Value = str | None
"""An argument as PostgreSQL reads it; None: NULL."""


def array(*elements: Value) -> str:
    """The text of an array."""
    return "{" + ",".join("NULL" if e is None else _quoted(e) for e in elements) + "}"


def row(*values: Value) -> str:
    """The text of a row."""
    return "(" + ",".join("" if v is None else _quoted(v) for v in values) + ")"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def vector(*values: float) -> str:
    """The text of a vector of the model's width, filled up with zeros."""
    return "[" + ",".join(map(str, [*values, *[0] * (WIDTH - len(values))])) + "]"


NUMBERS = ["-1", "0", "1", "7", "30"]
TEXTS = [
    *("", " ", "nobody", "all", "1-", "1-999999999999", "9223372036854775808", "tag:", "tag:x="),
    *(
        "it's; DROP TABLE lm.run; --",
        '"',
        "\\",
        "%s %n %",
        "$$",
        "\x1b[31mred\x07",
        "a\nb",
        "\u202e",
    ),
    "the cat sat on the mat and " * 4000,
]
ODD: dict[str, list[Value]] = {
    "boolean": ["false", "true"],
    "integer": [*NUMBERS, "-2147483648", "2147483647"],
    "bigint": [*NUMBERS, "-9223372036854775808", "9223372036854775807"],
    "double precision": [
        *("0", "-1", "0.5", "1e308", "-1e308", "1e-320", "NaN", "Infinity", "-Infinity"),
    ],
    "text": TEXTS,
    "vector": [
        *(vector(), vector(1), vector(3e38, 3e38), vector(1e-45), "[1]", "[0]"),
        "[" + ",".join(["1"] * 16000) + "]",
    ],
    "lm.observation": [
        *(row(None, None, None), row("g", "1", "{}"), row("g", "1", None), row("g", "1", "{1}")),
        *(row("g", "NaN", "{1}"), row("g", "1e308", "{1e308}"), row("g", "1", "{Infinity}")),
        *(row("g", "1", "{1,2}"), row("g", "1", "{NULL}"), row("g", "1", "{{1,2},{3,4}}")),
        *(row(None, "1", "{1}"), row("%s", "-1e308", "{1e-320}"), row("g", "1", "[0:1]={1,2}")),
    ],
    "lm.moments": [
        *(row(None, None, None, None), row("g", "5", None, None), row("g", "5", "{}", "{}")),
        *(row("g", "-1", "{1,1}", "{{1,0},{0,1}}"), row("g", "0", "{1,1}", "{{1,0},{0,1}}")),
        *(row("g", "5", "{1,1}", "{1,1}"), row("g", "5", "{1,1}", "{{1,0}}")),
        *(row("g", "5", "{NaN,1}", "{{1,0},{0,1}}"), row("g", "5", "{1,1}", "{{NULL,0},{0,1}}")),
        *(row("g", "5", "{1,1}", "{{-1,0},{0,-1}}"), row("g", "5", "{1,NULL}", "{{1,0},{0,1}}")),
        *(row("g", "5", "{1,1,1}", "{{1,0},{0,1}}"), row("g", "5", "{1,1}", "{{1,2},{2,1}}")),
        row("g", "9223372036854775807", "{1e308,1e308}", "{{1e308,1e308},{1e308,1e308}}"),
    ],
    "lm.intervention": [
        row(*[None] * 12),
        row("s", "1", "attn_out", None, None, None, None, "zero", None, None, None, None),
        row("s", "1", "attn_out", None, None, None, None, "scale", "NaN", None, None, None),
        row("s", "1", "attn_out", None, None, None, None, "scale", "1e308", None, None, None),
        row("s", "1", "resid_pre", None, None, None, None, "add", None, "[1]", None, None),
        row("s", "1", "attn_out", "99", None, "-99", None, "zero", None, None, None, None),
        row("s", "1", "z", "0", "99", None, None, "zero", None, None, None, None),
        row("s", "1", "z", "0", "0", None, None, "replace", None, None, "999999", None),
        row("s", "1", "ln_final", None, None, None, None, "zero", None, None, None, None),
        row("s", "1", "embed", None, None, None, None, "drop", None, None, None, None),
        row("s", "1", "pattern", None, None, None, "3", "knockout", None, None, None, None),
        row("s", "1", "attn_out", None, None, None, None, "zero", None, None, None, "-1"),
        row("s", "1", "attn_out", None, None, None, None, "zero", None, None, None, "2147483647"),
    ],
}

# What an argument is where another one is odd, by its name; else by its type.
USUAL: dict[str, Value] = {
    "prompt": "the cat sat on the mat",
    "clean": "the cat sat on the mat",
    "corrupt": "the dog sat on the mat",
    "prompts": array("the cat sat", "the dog sat on the log"),
    "word": " cat",
    "token": " cat",
    "answer": " cat",
    "wrong": " dog",
    "wrong_token": " dog",
    "token_ids": "{1,2,3,4}",
    "model": "tiny",
    "name": "tiny",
    "capture": "{attn_out}",
    "capture_dtype": "float16",
    "interventions": "half",
    "set_name": "mine",
    "kind": "add",
    "which": "all",
    "about": "surprise",
    "layer": "1",
    "position": "2",
    "positions": "{1,2}",
    "run_id": "1",
    "run_ids": "{1,2}",
    "from_run": "1",
    "site": "resid_pre",
    "n_tokens": "3",
    "temperature": "0.8",
    "seed": "1",
    "p": "{0.01,0.2,0.9}",
}
USUAL_OF_TYPE: dict[str, Value] = {
    "boolean": "true",
    "integer": "3",
    "bigint": "1",
    "double precision": "0.5",
    "text": "the cat",
    "vector": vector(1, 2, 3),
    "lm.observation[]": array(*(row("g", str(n % 5), f"{{{n}}}") for n in range(9))),
    "lm.moments[]": array(row("g", "9", "{1,2}", "{{2,1},{1,2}}")),
    "lm.intervention[]": array(ODD["lm.intervention"][1]),
}
# Arguments that are not given unless they are odd: others would matter less or contradict them.
LEFT_AT_DEFAULT = frozenset(
    "token_ids capture_layers capture_positions head key_position unit factor value from_run "
    "top_k top_p wrong_token wrong_token_id".split()
)


@dataclass(frozen=True)
class Argument:
    """An argument of a function."""

    name: str
    type: str
    has_default: bool


@dataclass(frozen=True)
class Function:
    """A function of schema lm."""

    name: str
    is_aggregate: bool
    is_variadic: bool
    arguments: tuple[Argument, ...]

    def call(self, odd: dict[str, Value]) -> sql.Composed:
        """A query that calls it, some of its arguments being odd and the others as usual."""
        given = []
        for number, argument in enumerate(self.arguments):
            if argument.name in odd:
                value = odd[argument.name]
            elif argument.has_default and argument.name in LEFT_AT_DEFAULT:
                continue
            else:
                value = usual(argument)
            of_type = sql.SQL("CAST({} AS {})").format(
                sql.Literal(value),
                sql.SQL(argument.type),  # type: ignore[arg-type]
            )
            last = self.is_variadic and number == len(self.arguments) - 1
            form = ("VARIADIC " if last else "") + (
                "{name} => {value}" if argument.name else "{value}"
            )
            given.append(
                sql.SQL(form).format(name=sql.Identifier(argument.name or "x"), value=of_type)
            )
        query = "SELECT {}({})" if self.is_aggregate else "SELECT * FROM {}({})"
        return sql.SQL(query).format(sql.Identifier("lm", self.name), sql.SQL(", ").join(given))


def usual(argument: Argument) -> Value:
    """What an argument is where another one is odd."""
    if argument.type in USUAL_OF_TYPE and argument.type.startswith("lm."):
        return USUAL_OF_TYPE[argument.type]
    if argument.name in USUAL:
        return USUAL[argument.name]
    if argument.type in USUAL_OF_TYPE:
        return USUAL_OF_TYPE[argument.type]
    if argument.type.endswith("[]"):
        return array(USUAL_OF_TYPE[argument.type.removesuffix("[]")])
    raise KeyError(f"{argument}: give an argument of this type a usual value in USUAL_OF_TYPE")


def functions(connection: psycopg.Connection) -> list[Function]:
    """Every function of lm that users call."""
    rows = connection.execute(
        """
        SELECT
            p.proname,
            p.prokind = 'a',
            p.provariadic <> 0,
            COALESCE(p.proargnames[:p.pronargs], array_fill(''::text, ARRAY[p.pronargs::int])),
            ARRAY(
                SELECT format_type(t.type, NULL)
                FROM unnest(p.proargtypes) WITH ORDINALITY AS t (type, number)
                ORDER BY t.number
            ),
            p.pronargdefaults
        FROM pg_proc AS p
        WHERE p.pronamespace = 'lm'::regnamespace
        ORDER BY p.proname, p.oid
        """
    ).fetchall()
    return [
        Function(
            name,
            is_aggregate,
            is_variadic,
            tuple(
                Argument(argument, type_, number >= len(names) - n_defaults)
                for number, (argument, type_) in enumerate(zip(names, types, strict=True))
            ),
        )
        for name, is_aggregate, is_variadic, names, types, n_defaults in rows
    ]


def odd_values(connection: psycopg.Connection, type_: str) -> list[Value]:
    """Odd values of a type."""
    if labels := connection.execute(
        "SELECT enumlabel FROM pg_enum WHERE enumtypid = %s::regtype ORDER BY enumsortorder",
        (type_,),
    ).fetchall():
        return [None, *(label for (label,) in labels)]
    if not type_.endswith("[]"):
        return [None, *ODD[type_]]
    element = type_.removesuffix("[]")
    values = odd_values(connection, element)
    one = next(value for value in values[1:] if value)
    return [
        None,
        "{}",
        *map(array, values),
        array(one, None),
        f"[0:1]={array(one, one)}",
        f"{{{array(one, one)},{array(one, one)}}}",
        array(*([one] * 300)),
    ]


Call = tuple[Function, dict[str, Value]]


def singles(connection: psycopg.Connection) -> list[Call]:
    """Each argument of each function odd in each way, the others as usual."""
    return [
        (function, {argument.name: value})
        for function in functions(connection)
        for argument in function.arguments
        for value in odd_values(connection, argument.type)
    ]


def several(connection: psycopg.Connection, count: int, seed: int = 0) -> Iterator[Call]:
    """Two or three arguments odd at once, drawn at random."""
    source = random.Random(seed)
    values = {
        argument.type: odd_values(connection, argument.type)
        for function in functions(connection)
        for argument in function.arguments
    }
    choices = [
        (function, chosen)
        for function in functions(connection)
        for size in (2, 3)
        for chosen in combinations(function.arguments, size)
    ]
    for _ in range(count):
        function, chosen = source.choice(choices)
        yield function, {a.name: source.choice(values[a.type]) for a in chosen}
