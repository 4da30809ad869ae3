-- Written by tools/wide_products.py; not to be edited.
-- lm_internal.product. Without SET, so that it is inlined.

CREATE OR REPLACE FUNCTION lm_internal.product_by_16(
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
    -- sixteen rows of x side by side, so that a row of y, once read, meets them all in one
    -- step of the executor; an array each, not a row each, and NULL beyond the last
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            product_by_16.x[start + 0] AS x0, product_by_16.x[start + 1] AS x1,
            product_by_16.x[start + 2] AS x2, product_by_16.x[start + 3] AS x3,
            product_by_16.x[start + 4] AS x4, product_by_16.x[start + 5] AS x5,
            product_by_16.x[start + 6] AS x6, product_by_16.x[start + 7] AS x7,
            product_by_16.x[start + 8] AS x8, product_by_16.x[start + 9] AS x9,
            product_by_16.x[start + 10] AS x10, product_by_16.x[start + 11] AS x11,
            product_by_16.x[start + 12] AS x12, product_by_16.x[start + 13] AS x13,
            product_by_16.x[start + 14] AS x14, product_by_16.x[start + 15] AS x15
        FROM generate_series(1, cardinality(product_by_16.x), 16) AS start
        OFFSET 0
    ),

    -- y[i, j] = x[i] · y[j]
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            y.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(-(t.x0 <#> u.w)) AS y0, array_agg(-(t.x1 <#> u.w)) AS y1,
                array_agg(-(t.x2 <#> u.w)) AS y2, array_agg(-(t.x3 <#> u.w)) AS y3,
                array_agg(-(t.x4 <#> u.w)) AS y4, array_agg(-(t.x5 <#> u.w)) AS y5,
                array_agg(-(t.x6 <#> u.w)) AS y6, array_agg(-(t.x7 <#> u.w)) AS y7,
                array_agg(-(t.x8 <#> u.w)) AS y8, array_agg(-(t.x9 <#> u.w)) AS y9,
                array_agg(-(t.x10 <#> u.w)) AS y10, array_agg(-(t.x11 <#> u.w)) AS y11,
                array_agg(-(t.x12 <#> u.w)) AS y12, array_agg(-(t.x13 <#> u.w)) AS y13,
                array_agg(-(t.x14 <#> u.w)) AS y14, array_agg(-(t.x15 <#> u.w)) AS y15
            FROM (
                SELECT unnest(product_by_16.y) AS w
            ) AS u
        ) AS y
    )

    SELECT array_agg(output.y::vector ORDER BY p.start, output.place)
    FROM product AS p
    CROSS JOIN LATERAL (
        VALUES
        (0, p.y0), (1, p.y1), (2, p.y2), (3, p.y3),
        (4, p.y4), (5, p.y5), (6, p.y6), (7, p.y7),
        (8, p.y8), (9, p.y9), (10, p.y10), (11, p.y11),
        (12, p.y12), (13, p.y13), (14, p.y14), (15, p.y15)
    ) AS output (place, y)
    WHERE p.start + output.place <= cardinality(product_by_16.x);
END;

COMMENT ON FUNCTION lm_internal.product_by_16 IS
'lm_internal.product, sixteen rows of x at a time.';
