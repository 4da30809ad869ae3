-- Sums of products in double precision, from pgvector's products in single precision.
--
-- A double is three floats: what a float holds of it, what a float holds of the rest, and that
-- rest's rest. The three are cut into seven slices of 8 bits each. The product of two slices has 16
-- bits, and 1,024 of them add up to no more than the 24 bits that a float has: nothing is rounded,
-- whatever the order (Ozaki et al. 2012). What the slices come to is added up in double precision.

CREATE OR REPLACE AGGREGATE lm_internal.exact_sum(vector) (
    SFUNC = vector_accum,
    STYPE = float8[],
    COMBINEFUNC = vector_combine,
    INITCOND = '{0}',
    PARALLEL = safe
);

COMMENT ON AGGREGATE lm_internal.exact_sum(vector) IS
'Sum of vectors in double precision: their number, and behind it the elements of the sum.';

CREATE OR REPLACE AGGREGATE lm_internal.array_sum(float8[]) (
    SFUNC = vector_combine,
    STYPE = float8[],
    PARALLEL = safe
);

COMMENT ON AGGREGATE lm_internal.array_sum(float8[]) IS
'Sum of arrays of one length, element by element; their first must not be 0.';

CREATE OR REPLACE FUNCTION lm_internal.power_above(
    x float8
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN power_above.x > 0 THEN 2 ^ (floor(ln(power_above.x) / ln(2)) + 1) ELSE 1 END;

COMMENT ON FUNCTION lm_internal.power_above IS
'A power of two that is not below x, and 1 for 0: what divides x without rounding it.';

CREATE OR REPLACE FUNCTION lm_internal.slices(
    high vector[],
    middle vector[],
    low vector[]
)
RETURNS TABLE (
    s0 vector[],
    s1 vector[],
    s2 vector[],
    s3 vector[],
    s4 vector[],
    s5 vector[],
    s6 vector[]
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        array_agg(a.s ORDER BY x.row),
        array_agg(b.s ORDER BY x.row),
        array_agg(c.s ORDER BY x.row),
        -- what is left of high below its third slice is one bit
        array_agg(after_b.rest - c.s + d.s ORDER BY x.row),
        array_agg(e.s ORDER BY x.row),
        array_agg(f.s ORDER BY x.row),
        array_agg(after_e.rest - f.s + x.low + unit.c6 - unit.c6 ORDER BY x.row)
    -- (x + c) − c rounds x to c's last bit: 2⁻⁷, and 2⁻⁸ of that each time
    FROM (
        SELECT
            lm.fill(1.5 * 2 ^ 16, width) AS c0,
            lm.fill(1.5 * 2 ^ 8, width) AS c1,
            lm.fill(1.5, width) AS c2,
            lm.fill(1.5 * 2 ^ -8, width) AS c3,
            lm.fill(1.5 * 2 ^ -16, width) AS c4,
            lm.fill(1.5 * 2 ^ -24, width) AS c5,
            lm.fill(1.5 * 2 ^ -32, width) AS c6
        FROM vector_dims(slices.high[1]) AS width
        OFFSET 0
    ) AS unit
    CROSS JOIN unnest(slices.high, slices.middle, slices.low)
        WITH ORDINALITY AS x (high, middle, low, row)
    CROSS JOIN LATERAL (SELECT x.high + unit.c0 - unit.c0 AS s OFFSET 0) AS a
    CROSS JOIN LATERAL (SELECT x.high - a.s AS rest OFFSET 0) AS after_a
    CROSS JOIN LATERAL (SELECT after_a.rest + unit.c1 - unit.c1 AS s OFFSET 0) AS b
    CROSS JOIN LATERAL (SELECT after_a.rest - b.s AS rest OFFSET 0) AS after_b
    CROSS JOIN LATERAL (SELECT after_b.rest + unit.c2 - unit.c2 AS s OFFSET 0) AS c
    CROSS JOIN LATERAL (SELECT x.middle + unit.c3 - unit.c3 AS s OFFSET 0) AS d
    CROSS JOIN LATERAL (SELECT x.middle - d.s AS rest OFFSET 0) AS after_d
    CROSS JOIN LATERAL (SELECT after_d.rest + unit.c4 - unit.c4 AS s OFFSET 0) AS e
    CROSS JOIN LATERAL (SELECT after_d.rest - e.s AS rest OFFSET 0) AS after_e
    CROSS JOIN LATERAL (SELECT after_e.rest + unit.c5 - unit.c5 AS s OFFSET 0) AS f;
END;

COMMENT ON FUNCTION lm_internal.slices IS
'Matrices of some 8 bits that add up to high + middle + low, doubles from −1 to 1 in three floats. The unit of each slice is 2⁻⁸ of that of the slice before.';

CREATE OR REPLACE FUNCTION lm_internal.exact_products(
    high vector[],
    middle vector[],
    low vector[]
)
RETURNS TABLE (
    is_half boolean,
    "row" bigint,
    total float8[]
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1000
BEGIN ATOMIC
    WITH
    -- rows x_i = (high + middle + low) / p_i, with p_i a power of two that brings them to −1 … 1
    scaled AS MATERIALIZED (
        SELECT
            array_agg(x.high * p.inverse ORDER BY x.row) AS high,
            array_agg(x.middle * p.inverse ORDER BY x.row) AS middle,
            array_agg(x.low * p.inverse ORDER BY x.row) AS low,
            array_agg(lm.fill(p.power, cardinality(exact_products.high)) ORDER BY x.row) AS power,
            array_agg(p.power ORDER BY x.row)::vector AS powers
        FROM unnest(exact_products.high, exact_products.middle, exact_products.low)
            WITH ORDINALITY AS x (high, middle, low, row)
        CROSS JOIN LATERAL (
            SELECT
                m.power,
                lm.fill(1 / m.power, vector_dims(x.high)) AS inverse
            FROM (
                SELECT
                    -- not so small that products would vanish
                    greatest(lm_internal.power_above(max(e.x)), 2 ^ -30) AS power
                FROM (SELECT abs(unnest(x.high::real[])) AS x) AS e
            ) AS m
            OFFSET 0
        ) AS p
    )

    -- x xᵀ = Σ_p s_p s_pᵀ + Σ_p<q (s_p s_qᵀ + its transpose); what lies below 2⁻⁵⁶ is left out
    SELECT
        pair.is_half,
        z.row,
        lm_internal.exact_sum(z.product * z.power * x.powers)
    FROM scaled AS x
    CROSS JOIN lm_internal.slices(x.high, x.middle, x.low) AS s
    CROSS JOIN LATERAL (
        VALUES
        (false, s.s0, s.s0), (false, s.s1, s.s1), (false, s.s2, s.s2), (false, s.s3, s.s3),
        (true, s.s0, s.s1), (true, s.s0, s.s2), (true, s.s0, s.s3), (true, s.s0, s.s4),
        (true, s.s0, s.s5), (true, s.s0, s.s6), (true, s.s1, s.s2), (true, s.s1, s.s3),
        (true, s.s1, s.s4), (true, s.s1, s.s5), (true, s.s2, s.s3), (true, s.s2, s.s4)
    ) AS pair (is_half, x, y)
    CROSS JOIN LATERAL lm_internal.product(pair.x, pair.y) AS m (product)
    CROSS JOIN LATERAL unnest(m.product, x.power) WITH ORDINALITY AS z (product, power, row)
    GROUP BY pair.is_half, z.row;
END;

COMMENT ON FUNCTION lm_internal.exact_products IS
'Parts of x xᵀ, for x = high + middle + low of up to 1,024 columns, in rows that lm_internal.array_sum adds up and whose first element means nothing. Those of is_half count a second time, transposed.';
