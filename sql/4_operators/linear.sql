-- The linear maps of the model. Most of the time of a forward pass goes by here, and the unlovely
-- form of it is for that.

CREATE OR REPLACE FUNCTION lm.halves(
    x vector
)
RETURNS TABLE (norm float8, high halfvec, low halfvec)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        vector_norm(halves.x),
        u.x::halfvec,
        (u.x - u.x::halfvec::vector)::halfvec
    FROM (SELECT l2_normalize(halves.x) AS x OFFSET 0) AS u
    OFFSET 0;  -- else each product would make them again
END;

COMMENT ON FUNCTION lm.halves IS
'x as norm · (high + low): two products of a halfvec with halves are quicker than one that makes it a vector first, and as exact.';

CREATE OR REPLACE FUNCTION lm.linear_many(
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
    -- thirty-two rows side by side, so that a weight, once read, meets them all in one step of the
    -- executor; an array each, not a row each
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_many.x[start + 0] AS x0, linear_many.x[start + 1] AS x1,
            linear_many.x[start + 2] AS x2, linear_many.x[start + 3] AS x3,
            linear_many.x[start + 4] AS x4, linear_many.x[start + 5] AS x5,
            linear_many.x[start + 6] AS x6, linear_many.x[start + 7] AS x7,
            linear_many.x[start + 8] AS x8, linear_many.x[start + 9] AS x9,
            linear_many.x[start + 10] AS x10, linear_many.x[start + 11] AS x11,
            linear_many.x[start + 12] AS x12, linear_many.x[start + 13] AS x13,
            linear_many.x[start + 14] AS x14, linear_many.x[start + 15] AS x15,
            linear_many.x[start + 16] AS x16, linear_many.x[start + 17] AS x17,
            linear_many.x[start + 18] AS x18, linear_many.x[start + 19] AS x19,
            linear_many.x[start + 20] AS x20, linear_many.x[start + 21] AS x21,
            linear_many.x[start + 22] AS x22, linear_many.x[start + 23] AS x23,
            linear_many.x[start + 24] AS x24, linear_many.x[start + 25] AS x25,
            linear_many.x[start + 26] AS x26, linear_many.x[start + 27] AS x27,
            linear_many.x[start + 28] AS x28, linear_many.x[start + 29] AS x29,
            linear_many.x[start + 30] AS x30, linear_many.x[start + 31] AS x31
        FROM generate_series(1, cardinality(linear_many.x), 32) AS start
        OFFSET 0
    ),

    -- y[row, unit] = −w[unit] · x[row]; beyond the last row, x and y are NULL
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
        FROM tile AS t
        CROSS JOIN LATERAL (
            SELECT
                array_agg(u.bias)::vector AS bias,
                array_agg(u.w <#> t.x0) AS y0, array_agg(u.w <#> t.x1) AS y1,
                array_agg(u.w <#> t.x2) AS y2, array_agg(u.w <#> t.x3) AS y3,
                array_agg(u.w <#> t.x4) AS y4, array_agg(u.w <#> t.x5) AS y5,
                array_agg(u.w <#> t.x6) AS y6, array_agg(u.w <#> t.x7) AS y7,
                array_agg(u.w <#> t.x8) AS y8, array_agg(u.w <#> t.x9) AS y9,
                array_agg(u.w <#> t.x10) AS y10, array_agg(u.w <#> t.x11) AS y11,
                array_agg(u.w <#> t.x12) AS y12, array_agg(u.w <#> t.x13) AS y13,
                array_agg(u.w <#> t.x14) AS y14, array_agg(u.w <#> t.x15) AS y15,
                array_agg(u.w <#> t.x16) AS y16, array_agg(u.w <#> t.x17) AS y17,
                array_agg(u.w <#> t.x18) AS y18, array_agg(u.w <#> t.x19) AS y19,
                array_agg(u.w <#> t.x20) AS y20, array_agg(u.w <#> t.x21) AS y21,
                array_agg(u.w <#> t.x22) AS y22, array_agg(u.w <#> t.x23) AS y23,
                array_agg(u.w <#> t.x24) AS y24, array_agg(u.w <#> t.x25) AS y25,
                array_agg(u.w <#> t.x26) AS y26, array_agg(u.w <#> t.x27) AS y27,
                array_agg(u.w <#> t.x28) AS y28, array_agg(u.w <#> t.x29) AS y29,
                array_agg(u.w <#> t.x30) AS y30, array_agg(u.w <#> t.x31) AS y31
            FROM (
                SELECT
                    l.bias,
                    COALESCE(l.weight, l.weight_half::vector) AS w
                FROM lm.linear AS l
                WHERE l.model_id = linear_many.model_id
                    AND l.layer = linear_many.layer
                    AND l.map = linear_many.map
                    AND l.block = linear_many.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS unit
    )

    SELECT array_agg(product.bias - output.y::vector ORDER BY start, place)
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7),
        (8, y8), (9, y9), (10, y10), (11, y11), (12, y12), (13, y13), (14, y14), (15, y15),
        (16, y16), (17, y17), (18, y18), (19, y19), (20, y20), (21, y21), (22, y22), (23, y23),
        (24, y24), (25, y25), (26, y26), (27, y27), (28, y28), (29, y29), (30, y30), (31, y31)
    ) AS output (place, y)
    WHERE start + place <= cardinality(linear_many.x);
END;

COMMENT ON FUNCTION lm.linear_many IS
'lm.linear of many rows: a weight is read once for thirty-two of them.';

CREATE OR REPLACE FUNCTION lm.linear_few(
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
    -- eight rows side by side; the places left over cost time
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_few.x[start + 0] AS x0, linear_few.x[start + 1] AS x1,
            linear_few.x[start + 2] AS x2, linear_few.x[start + 3] AS x3,
            linear_few.x[start + 4] AS x4, linear_few.x[start + 5] AS x5,
            linear_few.x[start + 6] AS x6, linear_few.x[start + 7] AS x7
        FROM generate_series(1, cardinality(linear_few.x), 8) AS start
        OFFSET 0
    ),

    -- y[row, unit] = −w[unit] · x[row]; beyond the last row, x and y are NULL
    product AS NOT MATERIALIZED (
        SELECT
            t.start,
            unit.*
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
                WHERE l.model_id = linear_few.model_id
                    AND l.layer = linear_few.layer
                    AND l.map = linear_few.map
                    AND l.block = linear_few.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS unit
    )

    SELECT array_agg(product.bias - output.y::vector ORDER BY start, place)
    FROM product
    CROSS JOIN LATERAL (
        VALUES
        (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7)
    ) AS output (place, y)
    WHERE start + place <= cardinality(linear_few.x);
END;

COMMENT ON FUNCTION lm.linear_few IS
'lm.linear of a few rows, eight at a time.';

-- Without SET, so that it is inlined: a call for each map and layer would cost as much as a
-- hundred units do.
CREATE OR REPLACE FUNCTION lm.linear(
    x vector[],
    model_id int,
    layer int,
    map lm.site,
    block int DEFAULT 0
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        CASE
            WHEN cardinality(linear.x) > 8
                THEN lm.linear_many(
                    linear.x, linear.model_id, linear.layer, linear.map, linear.block
                )
            WHEN cardinality(linear.x) > 1
                THEN lm.linear_few(
                    linear.x, linear.model_id, linear.layer, linear.map, linear.block
                )
            ELSE ARRAY[
                ARRAY(
                    SELECT
                        l.bias - COALESCE(
                            l.weight <#> first.x,
                            half.norm
                            * ((l.weight_half <#> half.high) + (l.weight_half <#> half.low))
                        )
                    FROM lm.linear AS l
                    WHERE l.model_id = linear.model_id
                        AND l.layer = linear.layer
                        AND l.map = linear.map
                        AND l.block = linear.block
                    ORDER BY l.unit
                )::vector
            ]
        END
    FROM (SELECT linear.x[1] AS x OFFSET 0) AS first
    CROSS JOIN lm.halves(first.x) AS half;
END;

COMMENT ON FUNCTION lm.linear IS
'One of the model''s linear maps applied to each row of x: bias + weight · x, [rows of x, units]; a set of one. Of a map cut in blocks it applies one; they add up.';
