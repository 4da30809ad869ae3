-- Written by tools/wide_products.py; not to be edited.
-- lm_internal.linear for few rows.

CREATE OR REPLACE FUNCTION lm_internal.linear_by_8(
    x vector[],
    model_id int,
    layer int,
    map lm.site,
    block int
)
RETURNS vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    -- eight rows of x side by side, so that a row of weights, once read, meets them all in one
    -- step of the executor; an array each, not a row each, and NULL beyond the last
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_by_8.x[start + 0] AS x0, linear_by_8.x[start + 1] AS x1,
            linear_by_8.x[start + 2] AS x2, linear_by_8.x[start + 3] AS x3,
            linear_by_8.x[start + 4] AS x4, linear_by_8.x[start + 5] AS x5,
            linear_by_8.x[start + 6] AS x6, linear_by_8.x[start + 7] AS x7
        FROM generate_series(1, cardinality(linear_by_8.x), 8) AS start
        OFFSET 0
    ),

    -- y[row, unit] = −w[unit] · x[row]
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            y.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias)::vector AS bias,
                array_agg(u.w <#> t.x0) AS y0, array_agg(u.w <#> t.x1) AS y1,
                array_agg(u.w <#> t.x2) AS y2, array_agg(u.w <#> t.x3) AS y3,
                array_agg(u.w <#> t.x4) AS y4, array_agg(u.w <#> t.x5) AS y5,
                array_agg(u.w <#> t.x6) AS y6, array_agg(u.w <#> t.x7) AS y7
            FROM (
                SELECT
                    l.bias,
                    COALESCE(l.weight, l.weight_half::vector) AS w
                FROM lm.linear AS l
                WHERE l.model_id = linear_by_8.model_id
                    AND l.layer = linear_by_8.layer
                    AND l.map = linear_by_8.map
                    AND l.block = linear_by_8.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS y
    )

    SELECT array_agg(p.bias - output.y::vector ORDER BY p.start, output.place)
    FROM product AS p
    CROSS JOIN LATERAL (
        VALUES
        (0, p.y0), (1, p.y1), (2, p.y2), (3, p.y3), (4, p.y4), (5, p.y5), (6, p.y6), (7, p.y7)
    ) AS output (place, y)
    WHERE p.start + output.place <= cardinality(linear_by_8.x);
END;

COMMENT ON FUNCTION lm_internal.linear_by_8 IS
'lm_internal.linear of few rows: a weight is read once for eight of them.';
