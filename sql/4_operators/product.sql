-- The product of two matrices that are at hand: the transpose of the values, and their weighted
-- sums. Without SET, so that it is inlined.

CREATE OR REPLACE FUNCTION lm.product(
    x vector[],
    y vector[]
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    WITH
    -- sixteen rows of x side by side, as in lm.linear_many
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            product.x[start + 0] AS x0, product.x[start + 1] AS x1,
            product.x[start + 2] AS x2, product.x[start + 3] AS x3,
            product.x[start + 4] AS x4, product.x[start + 5] AS x5,
            product.x[start + 6] AS x6, product.x[start + 7] AS x7,
            product.x[start + 8] AS x8, product.x[start + 9] AS x9,
            product.x[start + 10] AS x10, product.x[start + 11] AS x11,
            product.x[start + 12] AS x12, product.x[start + 13] AS x13,
            product.x[start + 14] AS x14, product.x[start + 15] AS x15
        FROM generate_series(1, cardinality(product.x), 16) AS start
        OFFSET 0
    ),

    -- z[i, j] = x[i] · y[j]
    dot AS NOT MATERIALIZED (
        SELECT
            t.start,
            d.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(-(t.x0 <#> y)) AS z0, array_agg(-(t.x1 <#> y)) AS z1,
                array_agg(-(t.x2 <#> y)) AS z2, array_agg(-(t.x3 <#> y)) AS z3,
                array_agg(-(t.x4 <#> y)) AS z4, array_agg(-(t.x5 <#> y)) AS z5,
                array_agg(-(t.x6 <#> y)) AS z6, array_agg(-(t.x7 <#> y)) AS z7,
                array_agg(-(t.x8 <#> y)) AS z8, array_agg(-(t.x9 <#> y)) AS z9,
                array_agg(-(t.x10 <#> y)) AS z10, array_agg(-(t.x11 <#> y)) AS z11,
                array_agg(-(t.x12 <#> y)) AS z12, array_agg(-(t.x13 <#> y)) AS z13,
                array_agg(-(t.x14 <#> y)) AS z14, array_agg(-(t.x15 <#> y)) AS z15
            FROM (SELECT unnest(product.y) AS y) AS row
        ) AS d
    )

    SELECT array_agg(z::vector ORDER BY start, place)
    FROM dot
    CROSS JOIN LATERAL (
        VALUES
        (0, z0), (1, z1), (2, z2), (3, z3), (4, z4), (5, z5), (6, z6), (7, z7),
        (8, z8), (9, z9), (10, z10), (11, z11), (12, z12), (13, z13), (14, z14), (15, z15)
    ) AS output (place, z)
    WHERE start + place <= cardinality(product.x);
END;

COMMENT ON FUNCTION lm.product IS
'x yᵀ: the products of each row of x with each row of y, [rows of x, rows of y]; a set of one.';
