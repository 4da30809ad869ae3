-- Written by tools/wide_products.py; not to be edited.
-- lm_internal.linear for many rows.

CREATE OR REPLACE FUNCTION lm_internal.linear_by_64(
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
    -- sixty-four rows of x side by side, so that a row of weights, once read, meets them all in one
    -- step of the executor; an array each, not a row each, and NULL beyond the last
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            linear_by_64.x[start + 0] AS x0, linear_by_64.x[start + 1] AS x1,
            linear_by_64.x[start + 2] AS x2, linear_by_64.x[start + 3] AS x3,
            linear_by_64.x[start + 4] AS x4, linear_by_64.x[start + 5] AS x5,
            linear_by_64.x[start + 6] AS x6, linear_by_64.x[start + 7] AS x7,
            linear_by_64.x[start + 8] AS x8, linear_by_64.x[start + 9] AS x9,
            linear_by_64.x[start + 10] AS x10, linear_by_64.x[start + 11] AS x11,
            linear_by_64.x[start + 12] AS x12, linear_by_64.x[start + 13] AS x13,
            linear_by_64.x[start + 14] AS x14, linear_by_64.x[start + 15] AS x15,
            linear_by_64.x[start + 16] AS x16, linear_by_64.x[start + 17] AS x17,
            linear_by_64.x[start + 18] AS x18, linear_by_64.x[start + 19] AS x19,
            linear_by_64.x[start + 20] AS x20, linear_by_64.x[start + 21] AS x21,
            linear_by_64.x[start + 22] AS x22, linear_by_64.x[start + 23] AS x23,
            linear_by_64.x[start + 24] AS x24, linear_by_64.x[start + 25] AS x25,
            linear_by_64.x[start + 26] AS x26, linear_by_64.x[start + 27] AS x27,
            linear_by_64.x[start + 28] AS x28, linear_by_64.x[start + 29] AS x29,
            linear_by_64.x[start + 30] AS x30, linear_by_64.x[start + 31] AS x31,
            linear_by_64.x[start + 32] AS x32, linear_by_64.x[start + 33] AS x33,
            linear_by_64.x[start + 34] AS x34, linear_by_64.x[start + 35] AS x35,
            linear_by_64.x[start + 36] AS x36, linear_by_64.x[start + 37] AS x37,
            linear_by_64.x[start + 38] AS x38, linear_by_64.x[start + 39] AS x39,
            linear_by_64.x[start + 40] AS x40, linear_by_64.x[start + 41] AS x41,
            linear_by_64.x[start + 42] AS x42, linear_by_64.x[start + 43] AS x43,
            linear_by_64.x[start + 44] AS x44, linear_by_64.x[start + 45] AS x45,
            linear_by_64.x[start + 46] AS x46, linear_by_64.x[start + 47] AS x47,
            linear_by_64.x[start + 48] AS x48, linear_by_64.x[start + 49] AS x49,
            linear_by_64.x[start + 50] AS x50, linear_by_64.x[start + 51] AS x51,
            linear_by_64.x[start + 52] AS x52, linear_by_64.x[start + 53] AS x53,
            linear_by_64.x[start + 54] AS x54, linear_by_64.x[start + 55] AS x55,
            linear_by_64.x[start + 56] AS x56, linear_by_64.x[start + 57] AS x57,
            linear_by_64.x[start + 58] AS x58, linear_by_64.x[start + 59] AS x59,
            linear_by_64.x[start + 60] AS x60, linear_by_64.x[start + 61] AS x61,
            linear_by_64.x[start + 62] AS x62, linear_by_64.x[start + 63] AS x63
        FROM generate_series(1, cardinality(linear_by_64.x), 64) AS start
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
                array_agg(u.w <#> t.x30) AS y30, array_agg(u.w <#> t.x31) AS y31,
                array_agg(u.w <#> t.x32) AS y32, array_agg(u.w <#> t.x33) AS y33,
                array_agg(u.w <#> t.x34) AS y34, array_agg(u.w <#> t.x35) AS y35,
                array_agg(u.w <#> t.x36) AS y36, array_agg(u.w <#> t.x37) AS y37,
                array_agg(u.w <#> t.x38) AS y38, array_agg(u.w <#> t.x39) AS y39,
                array_agg(u.w <#> t.x40) AS y40, array_agg(u.w <#> t.x41) AS y41,
                array_agg(u.w <#> t.x42) AS y42, array_agg(u.w <#> t.x43) AS y43,
                array_agg(u.w <#> t.x44) AS y44, array_agg(u.w <#> t.x45) AS y45,
                array_agg(u.w <#> t.x46) AS y46, array_agg(u.w <#> t.x47) AS y47,
                array_agg(u.w <#> t.x48) AS y48, array_agg(u.w <#> t.x49) AS y49,
                array_agg(u.w <#> t.x50) AS y50, array_agg(u.w <#> t.x51) AS y51,
                array_agg(u.w <#> t.x52) AS y52, array_agg(u.w <#> t.x53) AS y53,
                array_agg(u.w <#> t.x54) AS y54, array_agg(u.w <#> t.x55) AS y55,
                array_agg(u.w <#> t.x56) AS y56, array_agg(u.w <#> t.x57) AS y57,
                array_agg(u.w <#> t.x58) AS y58, array_agg(u.w <#> t.x59) AS y59,
                array_agg(u.w <#> t.x60) AS y60, array_agg(u.w <#> t.x61) AS y61,
                array_agg(u.w <#> t.x62) AS y62, array_agg(u.w <#> t.x63) AS y63
            FROM (
                SELECT
                    l.bias,
                    COALESCE(l.weight, l.weight_half::vector) AS w
                FROM lm.linear AS l
                WHERE l.model_id = linear_by_64.model_id
                    AND l.layer = linear_by_64.layer
                    AND l.map = linear_by_64.map
                    AND l.block = linear_by_64.block
                ORDER BY l.unit
                OFFSET 0
            ) AS u
        ) AS y
    )

    SELECT array_agg(p.bias - output.y::vector ORDER BY p.start, output.place)
    FROM product AS p
    CROSS JOIN LATERAL (
        VALUES
        (0, p.y0), (1, p.y1), (2, p.y2), (3, p.y3),
        (4, p.y4), (5, p.y5), (6, p.y6), (7, p.y7),
        (8, p.y8), (9, p.y9), (10, p.y10), (11, p.y11),
        (12, p.y12), (13, p.y13), (14, p.y14), (15, p.y15),
        (16, p.y16), (17, p.y17), (18, p.y18), (19, p.y19),
        (20, p.y20), (21, p.y21), (22, p.y22), (23, p.y23),
        (24, p.y24), (25, p.y25), (26, p.y26), (27, p.y27),
        (28, p.y28), (29, p.y29), (30, p.y30), (31, p.y31),
        (32, p.y32), (33, p.y33), (34, p.y34), (35, p.y35),
        (36, p.y36), (37, p.y37), (38, p.y38), (39, p.y39),
        (40, p.y40), (41, p.y41), (42, p.y42), (43, p.y43),
        (44, p.y44), (45, p.y45), (46, p.y46), (47, p.y47),
        (48, p.y48), (49, p.y49), (50, p.y50), (51, p.y51),
        (52, p.y52), (53, p.y53), (54, p.y54), (55, p.y55),
        (56, p.y56), (57, p.y57), (58, p.y58), (59, p.y59),
        (60, p.y60), (61, p.y61), (62, p.y62), (63, p.y63)
    ) AS output (place, y)
    WHERE p.start + output.place <= cardinality(linear_by_64.x);
END;

COMMENT ON FUNCTION lm_internal.linear_by_64 IS
'lm_internal.linear of many rows: a weight is read once for sixty-four of them.';
