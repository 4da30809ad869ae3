"""Write the SQL that multiplies many rows at once, sql/4_operators/*_by_*.sql, from one template.

A statement of SQL has the columns it is written with, so a product that takes 32 rows side by side
spells 32 of them. Run it after a change of the template:

    python tools/wide_products.py
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template

OPERATORS = Path(__file__).parents[1] / "sql" / "4_operators"
LINE = 100  # columns

WORDS = {8: "eight", 16: "sixteen", 32: "thirty-two", 64: "sixty-four"}

TEMPLATE = Template("""\
-- Written by tools/wide_products.py; not to be edited.
$heading

CREATE OR REPLACE FUNCTION lm_internal.$function(
$arguments
)
RETURNS $returns
LANGUAGE sql
$attributes
BEGIN ATOMIC
    WITH
    -- $words rows of x side by side, so that a row of $weights, once read, meets them all in one
    -- step of the executor; an array each, not a row each, and NULL beyond the last
    tile AS NOT MATERIALIZED (
        SELECT
            start,
$tile
        FROM generate_series(1, cardinality($function.x), $width) AS start
        OFFSET 0
    ),

    -- $equation
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            y.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
$sums
            FROM (
$rows
            ) AS u
        ) AS y
    )

$result
    FROM product AS p
    CROSS JOIN LATERAL (
        VALUES
$places
    ) AS output (place, y)$also
    WHERE p.start + output.place <= cardinality($function.x)$order;
END;

COMMENT ON FUNCTION lm_internal.$function IS
'$comment';
""")


@dataclass(frozen=True)
class WideProduct:
    """What one of these functions has of its own.

    Attributes:
        name: the file's, which ends in the width.
        width: how many rows of x stand side by side.
        function: the function's name, without schema.
        heading: comment at the top of the file.
        arguments: the function's, one a line.
        returns: the function's result.
        attributes: volatility, settings and the like, one a line.
        weights: what is multiplied with x, in words.
        equation: comment above the product.
        rows: a query whose column w is a row of weights, in order.
        term: the product of that row and one row of x, written {x}.
        beside: sums of the same rows that are needed once.
        result: the query's select list.
        also: what else it reads.
        order: what follows its WHERE.
        comment: the function's.
    """

    name: str
    width: int
    function: str
    heading: str
    arguments: str
    returns: str
    attributes: str
    weights: str
    equation: str
    rows: str
    term: str
    result: str
    comment: str
    beside: tuple[str, ...] = ()
    also: str = ""
    order: str = ""

    def sql(self) -> str:
        """The text of the file."""
        places = range(self.width)
        x = f"{self.function}.x[start + {{0}}] AS x{{0}}"
        sums = [f"array_agg({self.term.format(x=f't.x{place}')}) AS y{place}" for place in places]
        first = "".join(f"{' ' * 16}{sum_},\n" for sum_ in self.beside)
        return TEMPLATE.substitute(
            function=self.function,
            heading=_comment(self.heading),
            arguments=textwrap.indent(self.arguments, " " * 4),
            returns=self.returns,
            attributes=self.attributes,
            words=WORDS[self.width],
            width=self.width,
            weights=self.weights,
            tile=_columns(map(x.format, places), 12),
            equation=self.equation,
            sums=first + _columns(sums, 16),
            rows=textwrap.indent(self.rows, " " * 16),
            result=textwrap.indent(self.result, " " * 4),
            places=_columns((f"({place}, p.y{place})" for place in places), 8),
            also=self.also,
            order=self.order,
            comment=self.comment,
        )


def linear(width: int, use: str) -> WideProduct:
    """A linear map of the model."""
    function = f"linear_by_{width}"
    return WideProduct(
        name=function,
        width=width,
        function=function,
        heading=f"lm_internal.linear for {use}.",
        arguments="x vector[],\nmodel_id int,\nlayer int,\nmap lm.site,\nblock int",
        returns="vector[]",
        attributes="STABLE\nPARALLEL SAFE\n"
        "SET plan_cache_mode = force_generic_plan\nSET work_mem = '256MB'\nSET jit = off",
        weights="weights",
        equation="y[row, unit] = −w[unit] · x[row]",
        rows=f"""\
SELECT
    l.bias,
    COALESCE(l.weight, l.weight_half::vector) AS w
FROM lm.linear AS l
WHERE l.model_id = {function}.model_id
    AND l.layer = {function}.layer
    AND l.map = {function}.map
    AND l.block = {function}.block
ORDER BY l.unit
OFFSET 0""",  # noqa: S608 (no input, but a width)
        beside=("array_agg(u.bias)::vector AS bias",),
        term="u.w <#> {x}",
        result="SELECT array_agg(p.bias - output.y::vector ORDER BY p.start, output.place)",
        comment=f"lm_internal.linear of {use}: a weight is read once for {WORDS[width]} of them.",
    )


def unembed(width: int, use: str) -> WideProduct:
    """The unembedding."""
    function = f"unembed_by_{width}"
    return WideProduct(
        name=function,
        width=width,
        function=function,
        heading=f"lm_internal.unembed_tokens for {use}. enable_sort: the planner would sort whole "
        "rows of weights rather than read them by their key.",
        arguments="x vector[],\nmodel_id int,\nfirst_token int,\nlast_token int",
        returns="TABLE (\n    ordinal int,\n    logits real[]\n)",
        attributes="STABLE\nPARALLEL SAFE\nROWS 100\nSET plan_cache_mode = force_generic_plan\n"
        "SET work_mem = '256MB'\nSET enable_sort = off\nSET jit = off",
        weights="weights",
        equation="logits[row, token] = W_U[token] · x[row] + b_U[token]",
        rows=f"""\
SELECT
    r.bias,
    r.weight AS w
FROM lm_internal.unembedding_rows({function}.model_id) AS r
WHERE r.token_id BETWEEN {function}.first_token AND {function}.last_token
ORDER BY r.token_id
OFFSET 0""",  # noqa: S608 (no input, but a width)
        term="(u.bias - (u.w <#> {x}))::real",
        result="""\
SELECT
    p.start + output.place,
    -- cap · tanh(logit / cap)
    CASE
        WHEN size.cap IS NULL THEN output.y
        ELSE ARRAY(SELECT size.cap * tanh(unnest(output.y) / size.cap))::real[]
    END""",
        also=f"""
    CROSS JOIN (
        SELECT m.final_logit_softcapping AS cap
        FROM lm.model AS m
        WHERE m.model_id = {function}.model_id
    ) AS size""",  # noqa: S608 (no input, but a width)
        order="\n    ORDER BY p.start, output.place",
        comment=f"lm_internal.unembed_tokens of {use}: a weight is read once for {WORDS[width]} of "
        "them.",
    )


PRODUCTS = (
    linear(8, "few rows"),
    linear(32, "some rows"),
    linear(64, "many rows"),
    WideProduct(
        name="product_by_16",
        width=16,
        function="product_by_16",
        heading="lm_internal.product. Without SET, so that it is inlined.",
        arguments="x vector[],\ny vector[]",
        returns="SETOF vector[]",
        attributes="IMMUTABLE\nPARALLEL SAFE\nROWS 1",
        weights="y",
        equation="y[i, j] = x[i] · y[j]",
        rows="SELECT unnest(product_by_16.y) AS w",
        term="-({x} <#> u.w)",
        result="SELECT array_agg(output.y::vector ORDER BY p.start, output.place)",
        comment="lm_internal.product, sixteen rows of x at a time.",
    ),
    unembed(8, "few positions"),
    unembed(16, "many positions"),
)


def _comment(text: str) -> str:
    """A comment of SQL, on as many lines as it needs."""
    return textwrap.fill(text, LINE, initial_indent="-- ", subsequent_indent="-- ")


def _columns(columns: Iterable[str], indent: int) -> str:
    """A list of columns, a power of two of them on a line."""
    items = list(columns)
    n = max(
        2**power
        for power in range(4)
        if 2**power * (max(map(len, items)) + len(", ")) + indent - 1 <= LINE
    )
    lines = [", ".join(items[start : start + n]) for start in range(0, len(items), n)]
    return textwrap.indent(",\n".join(lines), " " * indent)


def main() -> None:
    """Write the files."""
    for product in PRODUCTS:
        (OPERATORS / f"{product.name}.sql").write_text(product.sql(), encoding="utf-8")


if __name__ == "__main__":
    main()
