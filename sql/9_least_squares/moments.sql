-- From rows of a regression to sums of products. These are small and add up, so the rows may be in
-- many tables, runs or machines.

DO $$
BEGIN
    CREATE TYPE lm.observation AS (group_name text, y float8, x float8[]);
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm.observation IS
'A row of a regression. ROW(group, y, ARRAY[x_1, …, x_k])::lm.observation makes one.';
COMMENT ON COLUMN lm.observation.group_name IS
'The regression that the row belongs to. Each group is fitted by itself.';
COMMENT ON COLUMN lm.observation.y IS 'What is explained.';
COMMENT ON COLUMN lm.observation.x IS
'What explains it, [k]. The constant is added to it.';

DO $$
BEGIN
    CREATE TYPE lm.moments AS (group_name text, n bigint, mean float8[], scatter float8[]);
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm.moments IS
'All that least squares needs of the rows z = (x_1, …, x_k, y) of a group. Moments of parts add up.';
COMMENT ON COLUMN lm.moments.group_name IS 'The regression.';
COMMENT ON COLUMN lm.moments.n IS 'Number of rows.';
COMMENT ON COLUMN lm.moments.mean IS 'z̄, [k + 1].';
COMMENT ON COLUMN lm.moments.scatter IS
'S = Σ (z − z̄)(z − z̄)ᵀ: the sums of products about the mean, [k + 1, k + 1].';

CREATE OR REPLACE FUNCTION lm.ols_moments(
    observations lm.observation[]
)
RETURNS SETOF lm.moments
LANGUAGE sql
STABLE STRICT
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    -- z = (x_1, …, x_k, y), of the rows that are known in full              [group, row][k + 1]
    complete AS MATERIALIZED (
        SELECT
            o.group_name,
            cardinality(o.z) AS size,
            o.z,
            'NaN' <> ALL (o.z) AND 'infinity' <> ALL (o.z) AND '-infinity' <> ALL (o.z)
                AS is_finite
        FROM (
            SELECT
                o.group_name,
                CASE
                    WHEN array_ndims(o.x) > 1
                        THEN lm_internal.fail(
                            NULL::float8[],
                            format(
                                'group "%s" cannot be fitted: an x has several dimensions',
                                o.group_name
                            ),
                            'give every x as ARRAY[x_1, …, x_k]'
                        )
                    ELSE o.x || o.y
                END AS z
            FROM unnest(ols_moments.observations) AS o
            WHERE o.group_name IS NOT NULL AND o.x IS NOT NULL
            OFFSET 0
        ) AS o
        WHERE array_position(o.z, NULL) IS NULL
    ),

    -- n and z̄                                                                   [group][k + 1]
    centre AS MATERIALIZED (
        SELECT
            c.group_name,
            c.size,
            c.n,
            ARRAY(SELECT unnest(c.total[2:]) / c.n) AS mean
        FROM (
            SELECT
                c.group_name,
                c.size,
                count(*) AS n,
                CASE
                    WHEN bool_and(c.is_finite)
                        THEN lm_internal.array_sum(1::float8 || c.z) FILTER (WHERE c.is_finite)
                END AS total
            FROM complete AS c
            GROUP BY c.group_name, c.size
            OFFSET 0
        ) AS c
    ),

    -- powers of two that bring z − z̄ within −1 and 1, for they are not below Σ |z − z̄|
    --                                                                           [group][k + 1]
    scale AS MATERIALIZED (
        SELECT
            r.group_name,
            r.size,
            r.mean,
            ARRAY(SELECT lm_internal.power_above(unnest(r.total[2:]))) AS power
        FROM (
            SELECT
                m.group_name,
                m.size,
                m.mean,
                lm_internal.array_sum(
                    1::float8 || ARRAY(SELECT abs(unnest(c.z) - unnest(m.mean)))
                ) AS total
            FROM centre AS m
            INNER JOIN complete AS c ON c.group_name = m.group_name AND c.size = m.size
            WHERE cardinality(m.mean) = m.size
            GROUP BY m.group_name, m.size, m.mean
            OFFSET 0
        ) AS r
    ),

    -- (z − z̄) / power, in blocks of rows, each in three floats
    block AS (
        SELECT
            r.group_name,
            r.size,
            r.number,
            array_agg(h.x) AS high,
            array_agg(m.x) AS middle,
            array_agg(l.x) AS low
        FROM (
            SELECT
                c.group_name,
                c.size,
                (row_number() OVER (PARTITION BY c.group_name, c.size) - 1) / 1024 AS number,
                ARRAY(SELECT (unnest(c.z) - unnest(s.mean)) / unnest(s.power)) AS x
            FROM scale AS s
            INNER JOIN complete AS c ON c.group_name = s.group_name AND c.size = s.size
        ) AS r
        CROSS JOIN LATERAL (SELECT r.x::vector AS x OFFSET 0) AS h
        CROSS JOIN LATERAL (
            SELECT ARRAY(SELECT unnest(r.x) - unnest(h.x::real[])) AS rest OFFSET 0
        ) AS after_h
        CROSS JOIN LATERAL (SELECT after_h.rest::vector AS x OFFSET 0) AS m
        CROSS JOIN LATERAL (
            SELECT ARRAY(SELECT unnest(after_h.rest) - unnest(m.x::real[]))::vector AS x OFFSET 0
        ) AS l
        GROUP BY r.group_name, r.size, r.number
    ),

    -- the sums of products, [i][k + 1]: whole, and by halves
    product AS MATERIALIZED (
        SELECT
            b.group_name,
            b.size,
            p.is_half,
            p.row AS i,
            (lm_internal.array_sum(p.total))[2:] AS x
        FROM block AS b
        CROSS JOIN LATERAL lm_internal.identity(b.size) AS identity
        -- a row for each z_i
        CROSS JOIN LATERAL lm_internal.product(identity, b.high) AS h (columns)
        CROSS JOIN LATERAL lm_internal.product(identity, b.middle) AS m (columns)
        CROSS JOIN LATERAL lm_internal.product(identity, b.low) AS l (columns)
        CROSS JOIN LATERAL lm_internal.exact_products(h.columns, m.columns, l.columns) AS p
        GROUP BY b.group_name, b.size, p.is_half, p.row
    ),

    element AS (
        SELECT
            p.group_name,
            p.size,
            p.i,
            e.j,
            e.x
        FROM product AS p
        CROSS JOIN LATERAL unnest(p.x) WITH ORDINALITY AS e (x, j)

        UNION ALL

        SELECT
            p.group_name,
            p.size,
            e.j,
            p.i,
            e.x
        FROM product AS p
        CROSS JOIN LATERAL unnest(p.x) WITH ORDINALITY AS e (x, j)
        WHERE p.is_half
    ),

    -- S_ij = Σ (z_i − z̄_i)(z_j − z̄_j)                                          [group, i, j]
    scatter AS (
        SELECT
            e.group_name,
            e.size,
            e.i,
            e.j,
            sum(e.x) AS x
        FROM element AS e
        GROUP BY e.group_name, e.size, e.i, e.j
    ),

    matrix_row AS (
        SELECT
            c.group_name,
            c.size,
            c.i,
            array_agg(c.x * s.power[c.i] * s.power[c.j] ORDER BY c.j) AS scatter
        FROM scatter AS c
        INNER JOIN scale AS s ON s.group_name = c.group_name AND s.size = c.size
        GROUP BY c.group_name, c.size, c.i
    ),

    matrix AS (
        SELECT
            r.group_name,
            r.size,
            array_agg(r.scatter ORDER BY r.i) AS scatter
        FROM matrix_row AS r
        GROUP BY r.group_name, r.size
    )

    SELECT
        c.group_name,
        c.n,
        CASE
            WHEN m.scatter IS NULL THEN array_fill('NaN'::float8, ARRAY[c.size])
            ELSE c.mean
        END,
        COALESCE(m.scatter, array_fill('NaN'::float8, ARRAY[c.size, c.size]))
    FROM centre AS c
    LEFT JOIN matrix AS m ON m.group_name = c.group_name AND m.size = c.size;
END;

COMMENT ON FUNCTION lm.ols_moments IS
'What least squares needs to know of rows, one row per group. Rows with a NULL do not count. The memory it takes beside the rows grows with the square of the number of regressors, not with the number of rows. Errors: an x has several dimensions.';
