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
BEGIN ATOMIC
    WITH RECURSIVE
    -- n, z̄ and S of each group; k regressors, and y is variable k + 1
    pooled AS (
        SELECT
            m.group_name,
            m.n,
            m.mean,
            m.scatter,
            CASE
                WHEN m.n >= cardinality(m.mean) THEN cardinality(m.mean) - 1
                ELSE lm.fail(
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

    -- s_i = √S_ii; NULL if z_i varies no more than rounding would make it      [group, i]
    spread AS (
        SELECT
            p.group_name,
            i,
            CASE
                WHEN p.scatter[i][i] = 'NaN'
                    THEN lm.fail(
                        NULL::float8,
                        format(
                            'group "%s" cannot be fitted: it holds a value that is not finite',
                            p.group_name
                        ),
                        'leave such rows out, or make the value NULL'
                    )
                WHEN sqrt(p.scatter[i][i]) > 1e-12 * sqrt(p.n) * abs(p.mean[i])
                    THEN sqrt(p.scatter[i][i])
            END AS s
        FROM pooled AS p
        CROSS JOIN LATERAL generate_subscripts(p.mean, 1) AS i
    ),

    -- r_ij = S_ij / (s_i s_j): correlations, so that nothing below depends on units [group, i, j]
    correlation AS (
        SELECT
            p.group_name,
            p.k,
            a.i,
            b.i AS j,
            COALESCE(p.scatter[a.i][b.i] / a.s / b.s, 0) AS r
        FROM pooled AS p
        INNER JOIN spread AS a ON p.group_name = a.group_name
        INNER JOIN spread AS b ON p.group_name = b.group_name
    ),

    -- The sweep operator (Goodnight 1979) solves the normal equations: for p = 1 … k
    --     a_pp ← −1 / a_pp,  a_ip ← a_ip / a_pp,  a_pj ← a_pj / a_pp,
    --     a_ij ← a_ij − a_ip a_pj / a_pp elsewhere,
    -- which leaves −R⁻¹ among the regressors, the standardised slopes beside it and 1 − R² in the
    -- corner. A pivot a_pp is the share of the variance of x_p that the regressors before it do not
    -- explain.                                                                      [group, i, j]
    sweep AS (
        SELECT
            c.group_name,
            c.k,
            1 AS pivot,
            c.i,
            c.j,
            c.r AS a
        FROM correlation AS c
        UNION ALL
        SELECT
            s.group_name,
            s.k,
            s.pivot + 1,
            s.i,
            s.j,
            CASE
                WHEN s.a_pp < 1e-10
                    THEN lm.fail(
                        NULL::float8,
                        format(
                            'group "%s" cannot be fitted: x_%s is constant '
                            'or depends on the regressors before it',
                            s.group_name, s.pivot
                        ),
                        'leave out that regressor, or the group'
                    )
                WHEN s.i = s.pivot AND s.j = s.pivot THEN -1 / s.a_pp
                WHEN s.i = s.pivot OR s.j = s.pivot THEN s.a / s.a_pp
                ELSE s.a - s.a_ip * s.a_pj / s.a_pp
            END
        FROM (
            SELECT
                previous.*,
                max(a) FILTER (WHERE j = pivot) OVER (PARTITION BY group_name, i) AS a_ip,
                max(a) FILTER (WHERE i = pivot) OVER (PARTITION BY group_name, j) AS a_pj,
                max(a) FILTER (WHERE i = pivot AND j = pivot) OVER (PARTITION BY group_name) AS a_pp
            FROM sweep AS previous
            WHERE previous.pivot <= previous.k
        ) AS s
    ),

    -- in the units of the data: β_i = a_iy s_y / s_i, and C = S_xx⁻¹ from C_ij = −a_ij / (s_i s_j)
    --                                                                           [group, i, j]
    solution AS (
        SELECT
            w.group_name,
            w.i,
            w.j,
            w.i <= w.k AND w.j > w.k AS is_slope,
            w.i <= w.k AND w.j <= w.k AS is_inverse,
            w.i > w.k AND w.j > w.k AS is_corner,
            w.a,
            w.a * COALESCE(b.s, 0) / a.s AS slope,
            -w.a / a.s / b.s AS c
        FROM sweep AS w
        INNER JOIN spread AS a ON w.group_name = a.group_name AND w.i = a.i
        INNER JOIN spread AS b ON w.group_name = b.group_name AND w.j = b.i
        WHERE w.pivot > w.k
    ),

    -- β_0 = ȳ − Σ β_i x̄_i,  c_0 = 1/n + x̄ᵀ C x̄,
    -- R² = Σ β_i S_iy / s_y²,  σ² = (1 − R²) s_y² / (n − k − 1)                 [group]
    fit AS (
        SELECT
            p.group_name,
            p.n,
            p.n - p.k - 1 AS df,
            p.mean[p.k + 1]
            - COALESCE(sum(f.slope * p.mean[f.i]) FILTER (WHERE f.is_slope), 0) AS intercept,
            1.0::float8 / p.n
            + COALESCE(sum(f.c * p.mean[f.i] * p.mean[f.j]) FILTER (WHERE f.is_inverse), 0) AS c,
            COALESCE(sum(f.slope * p.scatter[f.i][p.k + 1]) FILTER (WHERE f.is_slope), 0)
            / y.s ^ 2 AS r_squared,
            GREATEST(max(f.a) FILTER (WHERE f.is_corner), 0) * COALESCE(y.s, 0) ^ 2
            / NULLIF(p.n - p.k - 1, 0) AS variance
        FROM solution AS f
        INNER JOIN pooled AS p ON f.group_name = p.group_name
        INNER JOIN spread AS y ON p.group_name = y.group_name AND p.k + 1 = y.i
        GROUP BY p.group_name, p.n, p.k, p.mean, p.scatter, y.s
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
            max(f.slope) FILTER (WHERE f.is_slope),
            max(f.c) FILTER (WHERE f.is_inverse AND f.i = f.j)
        FROM solution AS f
        WHERE NOT f.is_corner
        GROUP BY f.group_name, f.i
        HAVING bool_or(f.is_slope)
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
