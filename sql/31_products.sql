-- Products of matrices: the linear maps of the model, and queries with keys. Most of the time
-- of a forward pass goes by here, and the unlovely form of it is for that.

CREATE OR REPLACE FUNCTION lm.halves(
    x vector,
    OUT norm float8,
    OUT high halfvec,
    OUT low halfvec
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        vector_norm(halves.x),
        l2_normalize(halves.x)::halfvec,
        (l2_normalize(halves.x) - l2_normalize(halves.x)::halfvec::vector)::halfvec;
END;

COMMENT ON FUNCTION lm.halves IS
'x as norm · (high + low): two products of a halfvec with halves are quicker than one that makes it a vector first, and as exact.';

CREATE OR REPLACE FUNCTION lm.linear(
    x vector[],
    model_id int,
    layer int,
    map lm.site,
    block int DEFAULT 0
)
RETURNS vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
AS $$
    WITH
    weight AS NOT MATERIALIZED (
        SELECT
            l.unit,
            l.bias,
            l.weight,
            l.weight_half
        FROM lm.linear AS l
        WHERE l.model_id = linear.model_id
            AND l.layer = linear.layer
            AND l.map = linear.map
            AND l.block = linear.block
    ),

    -- Many rows: sixteen of them side by side, so that a weight, once read, meets sixteen in one
    -- step of the executor; an array each, not a row each.
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear.x[start + 0] AS x0, linear.x[start + 1] AS x1,
            linear.x[start + 2] AS x2, linear.x[start + 3] AS x3,
            linear.x[start + 4] AS x4, linear.x[start + 5] AS x5,
            linear.x[start + 6] AS x6, linear.x[start + 7] AS x7,
            linear.x[start + 8] AS x8, linear.x[start + 9] AS x9,
            linear.x[start + 10] AS x10, linear.x[start + 11] AS x11,
            linear.x[start + 12] AS x12, linear.x[start + 13] AS x13,
            linear.x[start + 14] AS x14, linear.x[start + 15] AS x15
        FROM generate_series(1, cardinality(linear.x), 16) AS start
        OFFSET 0
    ),

    -- y[row, unit] = b[unit] + w[unit] · x[row]
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias - (u.w <#> t.x0)) AS y0,
                array_agg(u.bias - (u.w <#> t.x1)) FILTER (WHERE t.x1 IS NOT NULL) AS y1,
                array_agg(u.bias - (u.w <#> t.x2)) FILTER (WHERE t.x2 IS NOT NULL) AS y2,
                array_agg(u.bias - (u.w <#> t.x3)) FILTER (WHERE t.x3 IS NOT NULL) AS y3,
                array_agg(u.bias - (u.w <#> t.x4)) FILTER (WHERE t.x4 IS NOT NULL) AS y4,
                array_agg(u.bias - (u.w <#> t.x5)) FILTER (WHERE t.x5 IS NOT NULL) AS y5,
                array_agg(u.bias - (u.w <#> t.x6)) FILTER (WHERE t.x6 IS NOT NULL) AS y6,
                array_agg(u.bias - (u.w <#> t.x7)) FILTER (WHERE t.x7 IS NOT NULL) AS y7,
                array_agg(u.bias - (u.w <#> t.x8)) FILTER (WHERE t.x8 IS NOT NULL) AS y8,
                array_agg(u.bias - (u.w <#> t.x9)) FILTER (WHERE t.x9 IS NOT NULL) AS y9,
                array_agg(u.bias - (u.w <#> t.x10)) FILTER (WHERE t.x10 IS NOT NULL) AS y10,
                array_agg(u.bias - (u.w <#> t.x11)) FILTER (WHERE t.x11 IS NOT NULL) AS y11,
                array_agg(u.bias - (u.w <#> t.x12)) FILTER (WHERE t.x12 IS NOT NULL) AS y12,
                array_agg(u.bias - (u.w <#> t.x13)) FILTER (WHERE t.x13 IS NOT NULL) AS y13,
                array_agg(u.bias - (u.w <#> t.x14)) FILTER (WHERE t.x14 IS NOT NULL) AS y14,
                array_agg(u.bias - (u.w <#> t.x15)) FILTER (WHERE t.x15 IS NOT NULL) AS y15
            FROM (
                SELECT
                    bias,
                    COALESCE(weight, weight_half::vector) AS w
                FROM weight
                ORDER BY unit
                OFFSET 0
            ) AS u
        ) AS unit
    ),

    -- one row: straight through the weights
    half AS MATERIALIZED (
        SELECT
            first.x,
            h.*
        FROM (SELECT linear.x[1] AS x OFFSET 0) AS first
        CROSS JOIN lm.halves(first.x) AS h
    )

    SELECT
        CASE
            WHEN cardinality(linear.x) = 1
                THEN (
                    SELECT
                        ARRAY[
                            ARRAY(
                                SELECT
                                    bias - COALESCE(
                                        weight <#> half.x,
                                        half.norm
                                        * ((weight_half <#> half.high) + (weight_half <#> half.low))
                                    )
                                FROM weight
                                ORDER BY unit
                            )::vector
                        ]
                    FROM half
                )
            ELSE (
                SELECT array_agg(y::vector ORDER BY start, place)
                FROM product
                CROSS JOIN LATERAL (
                    VALUES
                    (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
                    (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15)
                ) AS output (place, y)
                WHERE y IS NOT NULL
            )
        END
$$;

COMMENT ON FUNCTION lm.linear IS
'One of the model''s linear maps applied to each row of x: bias + weight · x, [rows of x, units]. Of a map cut in blocks it applies one; they add up.';

CREATE OR REPLACE FUNCTION lm.product(
    x vector[],
    y vector[]
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
AS $$
    WITH
    -- sixteen rows of x side by side, as in lm.linear
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            product.x[start + 0] AS x0, product.x[start + 1] AS x1, product.x[start + 2] AS x2,
            product.x[start + 3] AS x3, product.x[start + 4] AS x4, product.x[start + 5] AS x5,
            product.x[start + 6] AS x6, product.x[start + 7] AS x7, product.x[start + 8] AS x8,
            product.x[start + 9] AS x9, product.x[start + 10] AS x10, product.x[start + 11] AS x11,
            product.x[start + 12] AS x12, product.x[start + 13] AS x13, product.x[start + 14] AS x14,
            product.x[start + 15] AS x15
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
                array_agg(-(t.x0 <#> y)) AS z0,
                array_agg(-(t.x1 <#> y)) FILTER (WHERE t.x1 IS NOT NULL) AS z1,
                array_agg(-(t.x2 <#> y)) FILTER (WHERE t.x2 IS NOT NULL) AS z2,
                array_agg(-(t.x3 <#> y)) FILTER (WHERE t.x3 IS NOT NULL) AS z3,
                array_agg(-(t.x4 <#> y)) FILTER (WHERE t.x4 IS NOT NULL) AS z4,
                array_agg(-(t.x5 <#> y)) FILTER (WHERE t.x5 IS NOT NULL) AS z5,
                array_agg(-(t.x6 <#> y)) FILTER (WHERE t.x6 IS NOT NULL) AS z6,
                array_agg(-(t.x7 <#> y)) FILTER (WHERE t.x7 IS NOT NULL) AS z7,
                array_agg(-(t.x8 <#> y)) FILTER (WHERE t.x8 IS NOT NULL) AS z8,
                array_agg(-(t.x9 <#> y)) FILTER (WHERE t.x9 IS NOT NULL) AS z9,
                array_agg(-(t.x10 <#> y)) FILTER (WHERE t.x10 IS NOT NULL) AS z10,
                array_agg(-(t.x11 <#> y)) FILTER (WHERE t.x11 IS NOT NULL) AS z11,
                array_agg(-(t.x12 <#> y)) FILTER (WHERE t.x12 IS NOT NULL) AS z12,
                array_agg(-(t.x13 <#> y)) FILTER (WHERE t.x13 IS NOT NULL) AS z13,
                array_agg(-(t.x14 <#> y)) FILTER (WHERE t.x14 IS NOT NULL) AS z14,
                array_agg(-(t.x15 <#> y)) FILTER (WHERE t.x15 IS NOT NULL) AS z15
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
    WHERE z IS NOT NULL
$$;

COMMENT ON FUNCTION lm.product IS
'x yᵀ: the products of each row of x with each row of y, [rows of x, rows of y].';
