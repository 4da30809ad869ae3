-- Moments that were counted in parts, added up.

CREATE OR REPLACE FUNCTION lm_internal.are_moments(
    n bigint,
    mean float8[],
    scatter float8[]
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN COALESCE(
    array_dims(are_moments.mean) = format('[1:%s]', cardinality(are_moments.mean))
    AND array_dims(are_moments.scatter)
    = format('[1:%1$s][1:%1$s]', cardinality(are_moments.mean))
    -- NaN stands for what is not finite; larger ones overflow when they are added up
    AND NOT EXISTS (
        SELECT
        FROM unnest(are_moments.mean) AS z (x)
        WHERE z.x IS NULL OR (z.x <> 'NaN' AND abs(z.x) > 1e153 / sqrt(are_moments.n))
    )
    AND NOT EXISTS (
        SELECT
        FROM unnest(are_moments.scatter) AS s (x)
        WHERE s.x IS NULL OR (s.x <> 'NaN' AND abs(s.x) > 1e307)
    )
    AND NOT EXISTS (
        SELECT
        FROM generate_subscripts(are_moments.mean, 1) AS i
        WHERE are_moments.scatter[i][i] < 0
    ),
    false
);

COMMENT ON FUNCTION lm_internal.are_moments IS
'Whether these can be moments of n rows: a mean of each variable, a square of sums of products, no sum of squares below 0, and nothing that overflows when it is added up.';

CREATE OR REPLACE FUNCTION lm.pool_moments(
    moments lm.moments[]
)
RETURNS SETOF lm.moments
LANGUAGE sql
STABLE STRICT
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    part AS MATERIALIZED (
        SELECT
            m.group_name,
            m.n,
            m.mean,
            m.scatter,
            CASE
                WHEN lm_internal.are_moments(m.n, m.mean, m.scatter) THEN cardinality(m.mean)
                ELSE lm_internal.fail(
                    NULL::int,
                    format(
                        'group "%s" cannot be fitted: its moments are not those of rows',
                        m.group_name
                    ),
                    'take them as lm.ols_moments makes them'
                )
            END AS size
        FROM unnest(pool_moments.moments) AS m
        WHERE m.n > 0
    ),

    whole AS MATERIALIZED (
        SELECT
            p.group_name,
            CASE
                WHEN min(p.size) = max(p.size) THEN sum(p.n)
                ELSE lm_internal.fail(
                    NULL::numeric,
                    format(
                        'group "%s" cannot be fitted: its rows differ in number of regressors',
                        p.group_name
                    ),
                    'give every x of a group the same length'
                )
            END AS n
        FROM part AS p
        GROUP BY p.group_name
    ),

    -- z̄ = Σ n_p z̄_p / n over the parts p                                       [group][k + 1]
    centre AS MATERIALIZED (
        SELECT
            c.group_name,
            c.n,
            array_agg(c.mean ORDER BY c.i) AS mean
        FROM (
            SELECT
                w.group_name,
                w.n,
                z.i,
                sum(p.n * z.mean) / w.n AS mean
            FROM whole AS w
            INNER JOIN part AS p ON p.group_name = w.group_name
            CROSS JOIN LATERAL unnest(p.mean) WITH ORDINALITY AS z (mean, i)
            GROUP BY w.group_name, w.n, z.i
        ) AS c
        GROUP BY c.group_name, c.n
    ),

    -- S_ij = Σ S_p,ij + n_p (z̄_p,i − z̄_i)(z̄_p,j − z̄_j)                         [group, place]
    product AS (
        SELECT
            c.group_name,
            p.size,
            s.place,
            sum(s.x + p.n * d.z[(s.place - 1) / p.size + 1] * d.z[(s.place - 1) % p.size + 1]) AS x
        FROM centre AS c
        INNER JOIN part AS p ON p.group_name = c.group_name
        CROSS JOIN LATERAL (
            SELECT ARRAY(SELECT unnest(p.mean) - unnest(c.mean)) AS z OFFSET 0
        ) AS d
        CROSS JOIN LATERAL unnest(p.scatter) WITH ORDINALITY AS s (x, place)
        GROUP BY c.group_name, p.size, s.place
    ),

    matrix_row AS (
        SELECT
            p.group_name,
            (p.place - 1) / p.size AS i,
            array_agg(p.x ORDER BY p.place) AS scatter
        FROM product AS p
        GROUP BY p.group_name, (p.place - 1) / p.size
    )

    SELECT
        c.group_name,
        c.n::bigint,
        c.mean,
        array_agg(r.scatter ORDER BY r.i)
    FROM centre AS c
    INNER JOIN matrix_row AS r ON r.group_name = c.group_name
    GROUP BY c.group_name, c.n, c.mean;
END;

COMMENT ON FUNCTION lm.pool_moments IS
'Adds up moments that were counted in parts (runs, tables, machines), one result per group. Errors: the rows of a group differ in number of regressors; what is given cannot be moments of rows.';
