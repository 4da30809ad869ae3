-- Least squares: sums of products to coefficients with their t tests.
--
--     SELECT fit.*
--     FROM lm.ols(ARRAY(
--         SELECT ROW(d.layer, d.log_norm, ARRAY[d.lag_1, d.lag_2])::lm.observation
--         FROM lm.lag_design AS d
--     )) AS fit;

CREATE OR REPLACE FUNCTION lm.ols(
    moments lm.moments[]
)
RETURNS TABLE (
    group_name text,
    n bigint,
    term int,
    coefficient float8,
    standard_error float8,
    t float8,
    p float8,
    r_squared float8,
    adj_r_squared float8
)
LANGUAGE sql
STABLE STRICT
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    -- n, z̄ and S of each group; k regressors, and y is variable k + 1
    pooled AS MATERIALIZED (
        SELECT
            m.group_name,
            m.n,
            m.mean,
            m.scatter,
            CASE
                WHEN m.n >= cardinality(m.mean) THEN cardinality(m.mean) - 1
                ELSE lm_internal.fail(
                    NULL::int,
                    format(
                        'group "%s" cannot be fitted: %s row(s) cannot determine %s coefficients',
                        m.group_name, m.n, cardinality(m.mean)
                    ),
                    'give it more rows or fewer regressors, or leave it out'
                )
            END AS k
        FROM lm.pool_moments(ols.moments) AS m
    ),

    -- s_i, a power of two just above √S_ii; NULL where z_i varies by no more than rounding does
    --                                                                          [group][k + 1]
    spread AS MATERIALIZED (
        SELECT
            p.group_name,
            p.k,
            array_agg(
                CASE
                    WHEN d.x = 'NaN'
                        THEN lm_internal.fail(
                            NULL::float8,
                            format(
                                'group "%s" cannot be fitted: it holds a value that is not finite',
                                p.group_name
                            ),
                            'leave such rows out, or make the value NULL'
                        )
                    WHEN sqrt(d.x) > 1e-12 * sqrt(p.n) * abs(p.mean[d.i])
                        THEN lm_internal.power_above(sqrt(d.x))
                END
                ORDER BY d.i
            ) AS s
        FROM pooled AS p
        CROSS JOIN LATERAL (
            SELECT
                i,
                p.scatter[i][i] AS x
            FROM generate_subscripts(p.mean, 1) AS i
        ) AS d
        GROUP BY p.group_name, p.k
    ),

    -- r_ij = S_ij / (s_i s_j), so that nothing below depends on units, and without rounding; beside
    -- it a row of the identity                                         [group, i][k + 1 + k]
    scaled AS (
        SELECT
            w.group_name,
            w.i,
            w.r || ARRAY(
                SELECT (j = w.i)::int::float8 FROM generate_series(1, w.k) AS j ORDER BY j
            ) AS r
        FROM (
            SELECT
                p.group_name,
                p.k,
                ((e.place - 1) / (p.k + 1))::int + 1 AS i,
                array_agg(
                    COALESCE(
                        e.x
                        / a.s[(e.place - 1) / (p.k + 1) + 1]
                        / a.s[(e.place - 1) % (p.k + 1) + 1],
                        0
                    )
                    ORDER BY e.place
                ) AS r
            FROM pooled AS p
            INNER JOIN spread AS a ON a.group_name = p.group_name
            CROSS JOIN LATERAL unnest(p.scatter) WITH ORDINALITY AS e (x, place)
            GROUP BY p.group_name, p.k, (e.place - 1) / (p.k + 1)
        ) AS w
    ),

    -- Gaussian elimination, R = L D Lᵀ: the pivots are D, beside them stands L⁻¹, and beside y's
    -- −β_i s_i / s_y                                                 [group][k + 1, k + 1 + k]
    reduced AS MATERIALIZED (
        SELECT
            c.group_name,
            lm_internal.echelon(c.r ORDER BY c.i) AS a
        FROM scaled AS c
        GROUP BY c.group_name
    ),

    -- d_i / r_ii is the share of x_i's variance that is its own, given those before it; of y's it
    -- is 1 − R²                                                                 [group, i]
    pivot AS MATERIALIZED (
        SELECT
            d.group_name,
            d.i,
            d.d,
            CASE
                WHEN d.i <= d.k AND COALESCE(d.d / nullif(d.r, 0), 0) < 1e-10
                    THEN lm_internal.fail(
                        NULL::float8,
                        format(
                            'group "%s" cannot be fitted: x_%s is constant '
                            'or depends on the regressors before it',
                            d.group_name, d.i
                        ),
                        'leave out that regressor, or the group'
                    )
                ELSE greatest(d.d / nullif(d.r, 0), 0)
            END AS share
        FROM (
            SELECT
                p.group_name,
                p.k,
                i,
                r.a[i][i] AS d,
                p.scatter[i][i] / s.s[i] / s.s[i] AS r
            FROM pooled AS p
            INNER JOIN spread AS s ON s.group_name = p.group_name
            INNER JOIN reduced AS r ON r.group_name = p.group_name
            CROSS JOIN LATERAL generate_series(1, p.k + 1) AS i
            OFFSET 0
        ) AS d
    ),

    -- what stands beside: L⁻¹, and −β                                          [group, i, j]
    beside AS MATERIALIZED (
        SELECT
            e.group_name,
            e.i,
            e.j,
            e.a
        FROM (
            SELECT
                r.group_name,
                s.k,
                ((e.place - 1) / (2 * s.k + 1))::int + 1 AS i,
                ((e.place - 1) % (2 * s.k + 1))::int - s.k AS j,
                e.a
            FROM reduced AS r
            INNER JOIN spread AS s ON s.group_name = r.group_name
            CROSS JOIN LATERAL unnest(r.a) WITH ORDINALITY AS e (a, place)
            OFFSET 0
        ) AS e
        WHERE e.j BETWEEN 1 AND e.i
    ),

    -- in the units of the data: β_i = −a_yi s_y / s_i, and the diagonal of C = S_xx⁻¹, that of
    -- L⁻ᵀ D⁻¹ L⁻¹ over s_i²                                                    [group, i]
    solution AS (
        SELECT
            b.group_name,
            b.j AS i,
            max(-b.a * COALESCE(s.s[s.k + 1], 0) / s.s[b.j]) FILTER (WHERE b.i > s.k) AS slope,
            sum(b.a / p.d * b.a) FILTER (WHERE b.i <= s.k) / s.s[b.j] / s.s[b.j] AS c
        FROM beside AS b
        INNER JOIN pivot AS p ON p.group_name = b.group_name AND p.i = b.i
        INNER JOIN spread AS s ON s.group_name = b.group_name
        GROUP BY b.group_name, b.j, s.s
    ),

    -- x̄ᵀ C x̄ = Σ_i (L⁻¹ x̄ / s)_i² / d_i                                        [group]
    distance AS (
        SELECT
            m.group_name,
            sum(m.x / m.d * m.x) AS c
        FROM (
            SELECT
                b.group_name,
                b.i,
                p.d,
                sum(b.a * g.mean[b.j] / s.s[b.j]) AS x
            FROM beside AS b
            INNER JOIN pooled AS g ON g.group_name = b.group_name AND b.i <= g.k
            INNER JOIN spread AS s ON s.group_name = b.group_name
            INNER JOIN pivot AS p ON p.group_name = b.group_name AND p.i = b.i
            GROUP BY b.group_name, b.i, p.d
        ) AS m
        GROUP BY m.group_name
    ),

    -- β_0 = ȳ − Σ β_i x̄_i,  c_0 = 1/n + x̄ᵀ C x̄,
    -- R² = 1 − share_y,  σ² = (1 − R²) S_yy / (n − k − 1)                [group]
    fit AS MATERIALIZED (
        SELECT
            p.group_name,
            p.n,
            p.n - p.k - 1 AS df,
            p.mean[p.k + 1] - COALESCE(sum(f.slope * p.mean[f.i]), 0) AS intercept,
            1.0::float8 / p.n + COALESCE(min(d.c), 0) AS c,
            CASE WHEN s.s[p.k + 1] > 0 THEN 1 - min(y.share) END AS r_squared,
            greatest(min(y.d), 0) * COALESCE(s.s[p.k + 1], 0) ^ 2 / NULLIF(p.n - p.k - 1, 0)
                AS variance
        FROM pooled AS p
        INNER JOIN spread AS s ON s.group_name = p.group_name
        INNER JOIN pivot AS y ON y.group_name = p.group_name AND y.i = p.k + 1
        LEFT JOIN solution AS f ON f.group_name = p.group_name
        LEFT JOIN distance AS d ON d.group_name = p.group_name
        GROUP BY p.group_name, p.n, p.k, p.mean[p.k + 1], s.s
    ),

    -- β and c, the diagonal of (XᵀX)⁻¹; the intercept is term 0                 [group, term]
    term AS (
        SELECT
            f.group_name,
            0 AS term,
            f.intercept AS coefficient,
            f.c
        FROM fit AS f

        UNION ALL

        SELECT
            f.group_name,
            f.i,
            f.slope,
            f.c
        FROM solution AS f
    ),

    -- se = σ √c,  t = β / se                                                    [group, term]
    tested AS (
        SELECT
            f.*,
            e.term,
            e.coefficient,
            sqrt(f.variance * e.c) AS standard_error,
            e.coefficient / NULLIF(sqrt(f.variance * e.c), 0) AS t
        FROM fit AS f
        INNER JOIN term AS e ON f.group_name = e.group_name
    )

    SELECT
        d.group_name,
        d.n,
        d.term,
        d.coefficient,
        d.standard_error,
        d.t,
        lm.student_t_p(d.t, d.df),
        d.r_squared,
        1 - (1 - d.r_squared) * (d.n - 1) / NULLIF(d.df, 0)
    FROM tested AS d
    ORDER BY d.group_name, d.term;
END;

COMMENT ON FUNCTION lm.ols(lm.moments[]) IS
'Least squares of y on 1, x_1, …, x_k for each group, from moments: a row per coefficient, term 0 '
'is the intercept. It solves the normal equations, which lose digits if regressors nearly depend on '
'each other. NULL where undefined: standard errors without degrees of freedom, t of an exact fit, '
'R² of a constant y. Errors, which name the group: fewer rows than coefficients; a value that is '
'not finite; a regressor that is constant or depends on those before it (they leave less than 1e-10 '
'of its variance).';

CREATE OR REPLACE FUNCTION lm.ols(
    observations lm.observation[]
)
RETURNS TABLE (
    group_name text,
    n bigint,
    term int,
    coefficient float8,
    standard_error float8,
    t float8,
    p float8,
    r_squared float8,
    adj_r_squared float8
)
LANGUAGE sql
STABLE STRICT
BEGIN ATOMIC
    SELECT fit.*
    FROM lm.ols(ARRAY(SELECT m FROM lm.ols_moments(ols.observations) AS m)) AS fit;
END;

COMMENT ON FUNCTION lm.ols(lm.observation[]) IS
'Least squares of y on 1, x_1, …, x_k for each group of rows. Rows with a NULL do not count.';
