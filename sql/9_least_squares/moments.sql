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
BEGIN ATOMIC
    WITH
    -- z = (x_1, …, x_k, y), of rows without a NULL                          [group, row][k + 1]
    complete AS (
        SELECT
            o.group_name,
            o.x || o.y AS z
        FROM unnest(ols_moments.observations) AS o
        WHERE o.group_name IS NOT NULL
            AND o.x IS NOT NULL
            AND array_position(o.x || o.y, NULL) IS NULL
    ),

    -- n and z̄                                                                  [group, i]
    centre AS (
        SELECT
            c.group_name,
            cardinality(c.z) AS size,
            v.i,
            count(*) AS n,
            avg(v.z) AS mean
        FROM complete AS c
        CROSS JOIN LATERAL unnest(c.z) WITH ORDINALITY AS v (z, i)
        GROUP BY c.group_name, cardinality(c.z), v.i
    ),

    -- S_ij = Σ (z_i − z̄_i)(z_j − z̄_j), centred first so that no digit is lost  [group, i, j]
    product AS (
        SELECT
            a.group_name,
            a.size,
            a.i,
            b.i AS j,
            a.n,
            a.mean,
            sum((c.z[a.i] - a.mean) * (c.z[b.i] - b.mean)) AS scatter
        FROM complete AS c
        INNER JOIN centre AS a ON c.group_name = a.group_name AND cardinality(c.z) = a.size
        INNER JOIN centre AS b ON a.group_name = b.group_name AND a.size = b.size
        GROUP BY a.group_name, a.size, a.i, b.i, a.n, a.mean
    ),

    -- S_i, a row of the matrix                                              [group, i][k + 1]
    matrix_row AS (
        SELECT
            p.group_name,
            p.size,
            p.i,
            p.n,
            p.mean,
            array_agg(p.scatter ORDER BY p.j) AS scatter
        FROM product AS p
        GROUP BY p.group_name, p.size, p.i, p.n, p.mean
    )

    SELECT
        r.group_name,
        min(r.n),
        array_agg(r.mean ORDER BY r.i),
        array_agg(r.scatter ORDER BY r.i)
    FROM matrix_row AS r
    GROUP BY r.group_name, r.size;
END;

COMMENT ON FUNCTION lm.ols_moments IS
'Moments of rows, one result per group. Rows with a NULL do not count.';

CREATE OR REPLACE FUNCTION lm.pool_moments(
    moments lm.moments[]
)
RETURNS SETOF lm.moments
LANGUAGE sql
STABLE STRICT
BEGIN ATOMIC
    WITH
    -- n = Σ n_p and z̄ = Σ n_p z̄_p / n over the parts p                         [group, i]
    centre AS (
        SELECT
            m.group_name,
            z.i,
            sum(m.n) AS n,
            sum(m.n * z.mean) / sum(m.n) AS mean
        FROM unnest(pool_moments.moments) AS m
        CROSS JOIN LATERAL unnest(m.mean) WITH ORDINALITY AS z (mean, i)
        WHERE m.n > 0
        GROUP BY m.group_name, z.i
    ),

    -- S_ij = Σ S_p,ij + n_p (z̄_p,i − z̄_i)(z̄_p,j − z̄_j)                         [group, i, j]
    product AS (
        SELECT
            a.group_name,
            a.i,
            b.i AS j,
            CASE
                WHEN a.n = b.n AND min(cardinality(m.mean)) = max(cardinality(m.mean)) THEN a.n
                ELSE lm.fail(
                    NULL::numeric,
                    format(
                        'group "%s" cannot be fitted: its rows differ in number of regressors',
                        a.group_name
                    ),
                    'give every x of a group the same length'
                )
            END AS n,
            a.mean,
            sum(
                m.scatter[a.i][b.i] + m.n * (m.mean[a.i] - a.mean) * (m.mean[b.i] - b.mean)
            ) AS scatter
        FROM unnest(pool_moments.moments) AS m
        INNER JOIN centre AS a ON m.group_name = a.group_name
        INNER JOIN centre AS b ON m.group_name = b.group_name
        WHERE m.n > 0
        GROUP BY a.group_name, a.i, b.i, a.n, b.n, a.mean
    ),

    -- S_i, a row of the matrix                                              [group, i][k + 1]
    matrix_row AS (
        SELECT
            p.group_name,
            p.i,
            p.n,
            p.mean,
            array_agg(p.scatter ORDER BY p.j) AS scatter
        FROM product AS p
        GROUP BY p.group_name, p.i, p.n, p.mean
    )

    SELECT
        r.group_name,
        min(r.n)::bigint,
        array_agg(r.mean ORDER BY r.i),
        array_agg(r.scatter ORDER BY r.i)
    FROM matrix_row AS r
    GROUP BY r.group_name;
END;

COMMENT ON FUNCTION lm.pool_moments IS
'Adds up moments that were counted in parts (runs, tables, machines), one result per group. Errors: '
'the rows of a group differ in number of regressors.';
