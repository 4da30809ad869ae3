-- Does the size of an attention adjustment follow from those of the two tokens before? The norms,
-- the rows of that regression, and the regression.

CREATE OR REPLACE VIEW lm.adjustment_norm WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.layer,
    a.position,
    t.token,
    a.norm,
    ln(NULLIF(a.norm, 0)) AS log_norm
FROM lm.attention_adjustment AS a
-- a left join on a key: the planner leaves it out of queries that do not ask for the token
LEFT JOIN lm.token AS t ON a.run_id = t.run_id AND a.position = t.position;

COMMENT ON VIEW lm.adjustment_norm IS 'The size of every attention adjustment.';
COMMENT ON COLUMN lm.adjustment_norm.run_id IS 'The run.';
COMMENT ON COLUMN lm.adjustment_norm.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.adjustment_norm.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.adjustment_norm.token IS 'The token there.';
COMMENT ON COLUMN lm.adjustment_norm.norm IS 'L2 norm of the adjustment.';
COMMENT ON COLUMN lm.adjustment_norm.log_norm IS
'Natural logarithm of the norm. NULL if the norm is 0, as it is where attention is ablated.';

CREATE OR REPLACE VIEW lm.lag_design WITH (security_invoker = true) AS
SELECT
    lagged.run_id,
    lagged.layer,
    lagged.position,
    lagged.log_norm,
    lagged.lag_1,
    lagged.lag_2
FROM (
    SELECT
        n.run_id,
        n.layer,
        n.position,
        n.log_norm,
        -- of positions t − 1 and t − 2 exactly, even if a run kept only some positions
        first_value(n.log_norm) OVER (layer RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING) AS lag_1,
        first_value(n.log_norm) OVER (layer RANGE BETWEEN 2 PRECEDING AND 2 PRECEDING) AS lag_2
    FROM lm.adjustment_norm AS n
    WINDOW layer AS (PARTITION BY n.run_id, n.layer ORDER BY n.position)
) AS lagged
-- token 0 is left out, as a lag too: it can only attend to itself
WHERE lagged.position >= 3;

COMMENT ON VIEW lm.lag_design IS
'The rows of the regression log_norm ~ 1 + lag_1 + lag_2: positions 3 … n − 1 of a run, n − 3 rows '
'for each layer.';
COMMENT ON COLUMN lm.lag_design.run_id IS 'The run.';
COMMENT ON COLUMN lm.lag_design.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.lag_design.position IS 'Position t in the sequence, from 3.';
COMMENT ON COLUMN lm.lag_design.log_norm IS
'y: log norm of the adjustment at t; NULL if the norm is 0.';
COMMENT ON COLUMN lm.lag_design.lag_1 IS 'x_1: log norm at t − 1; NULL if it is not known.';
COMMENT ON COLUMN lm.lag_design.lag_2 IS 'x_2: log norm at t − 2; NULL if it is not known.';

CREATE OR REPLACE FUNCTION lm_internal.same_model(
    run_ids bigint[]
)
RETURNS int
LANGUAGE sql
STABLE
RETURN (
    SELECT
        CASE
            WHEN count(*) = 0
                THEN lm_internal.fail(
                    NULL::int,
                    'no run is named',
                    'SELECT run_id FROM lm.run lists the runs; lm.forward makes one'
                )
            WHEN count(*) > count(r.run_id)
                THEN lm_internal.fail(
                    NULL::int,
                    'no such run: '
                    || string_agg(COALESCE(asked.run_id::text, 'NULL'), ', ')
                    FILTER (WHERE r.run_id IS NULL),
                    'SELECT run_id FROM lm.run lists the runs; lm.forward makes one'
                )
            WHEN min(r.model_id) < max(r.model_id)
                THEN lm_internal.fail(
                    NULL::int,
                    'the runs are of several models',
                    'name the runs of one model at a time'
                )
            ELSE min(r.model_id)
        END
    FROM unnest(same_model.run_ids) AS asked (run_id)
    LEFT JOIN lm.run AS r ON asked.run_id = r.run_id
);

COMMENT ON FUNCTION lm_internal.same_model IS
'Key of the model of these runs. Errors: no run is named; one does not exist; they are of several '
'models.';

CREATE OR REPLACE FUNCTION lm.lag_ols(
    run_ids bigint[]
)
RETURNS TABLE (
    layer int,
    n bigint,
    intercept float8,
    beta_lag1 float8,
    beta_lag2 float8,
    se_intercept float8,
    se_lag1 float8,
    se_lag2 float8,
    t_intercept float8,
    t_lag1 float8,
    t_lag2 float8,
    p_intercept float8,
    p_lag1 float8,
    p_lag2 float8,
    r_squared float8,
    adj_r_squared float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- the layers of the model that ran
    layer AS (
        SELECT generate_series(0, m.n_layer - 1) AS layer
        FROM lm.model AS m
        WHERE m.model_id = lm_internal.same_model(lag_ols.run_ids)
    ),

    -- n, z̄ and S = Σ (z − z̄)(z − z̄)ᵀ of z = (lag_1, lag_2, log_norm)           [layer]
    moments AS (
        SELECT
            d.layer,
            count(*) AS n,
            ARRAY[avg(d.x_1), avg(d.x_2), avg(d.y)] AS mean,
            ARRAY[
                [regr_sxx(d.y, d.x_1), regr_sxy(d.x_1, d.x_2), regr_sxy(d.x_1, d.y)],
                [regr_sxy(d.x_1, d.x_2), regr_sxx(d.y, d.x_2), regr_sxy(d.x_2, d.y)],
                [regr_sxy(d.x_1, d.y), regr_sxy(d.x_2, d.y), regr_syy(d.y, d.x_1)]
            ] AS scatter
        FROM lm.lag_design AS d (run_id, layer, position, y, x_1, x_2)
        WHERE d.run_id = ANY (lag_ols.run_ids)
            AND num_nulls(d.y, d.x_1, d.x_2) = 0
        GROUP BY d.layer
    ),

    -- y = β_0 + β_1 x_1 + β_2 x_2 + ε                                           [layer, term]
    fit AS (
        SELECT o.*
        FROM lm.ols(
            ARRAY(SELECT ROW(m.layer, m.n, m.mean, m.scatter)::lm.moments FROM moments AS m)
        ) AS o
    )

    SELECT
        l.layer,
        COALESCE(max(f.n), 0),
        max(f.coefficient) FILTER (WHERE f.term = 0),
        max(f.coefficient) FILTER (WHERE f.term = 1),
        max(f.coefficient) FILTER (WHERE f.term = 2),
        max(f.standard_error) FILTER (WHERE f.term = 0),
        max(f.standard_error) FILTER (WHERE f.term = 1),
        max(f.standard_error) FILTER (WHERE f.term = 2),
        max(f.t) FILTER (WHERE f.term = 0),
        max(f.t) FILTER (WHERE f.term = 1),
        max(f.t) FILTER (WHERE f.term = 2),
        max(f.p) FILTER (WHERE f.term = 0),
        max(f.p) FILTER (WHERE f.term = 1),
        max(f.p) FILTER (WHERE f.term = 2),
        max(f.r_squared),
        max(f.adj_r_squared)
    FROM layer AS l
    LEFT JOIN fit AS f ON l.layer::text = f.group_name
    GROUP BY l.layer
    ORDER BY l.layer;
END;

COMMENT ON FUNCTION lm.lag_ols IS
'The regression log_norm ~ 1 + lag_1 + lag_2 for each layer, over the rows of all these runs: '
'coefficients, standard errors, t, two-sided p, R² and adjusted R². A layer without rows has n = 0 '
'and NULLs. Errors: there is no such run; the runs are of several models; a layer (named as the '
'group) has fewer than 3 rows or constant norms.';

CREATE OR REPLACE FUNCTION lm.lag_diagnostics(
    run_ids bigint[]
)
RETURNS TABLE (
    layer int,
    n bigint,
    n_left_out bigint,
    durbin_watson float8,
    q_lag1 float8,
    q_lag2 float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    fit AS (
        SELECT f.*
        FROM lm.lag_ols(lag_diagnostics.run_ids) AS f
    ),

    -- e = y − β_0 − β_1 x_1 − β_2 x_2                                 [run, layer, position]
    residual AS (
        SELECT
            d.run_id,
            d.layer,
            d.position,
            d.log_norm - f.intercept - f.beta_lag1 * d.lag_1 - f.beta_lag2 * d.lag_2 AS e
        FROM lm.lag_design AS d
        INNER JOIN fit AS f ON d.layer = f.layer
        WHERE d.run_id = ANY (lag_diagnostics.run_ids)
    ),

    -- rows that lm.lag_ols cannot use                                           [layer]
    left_out AS (
        SELECT
            r.layer,
            count(*) FILTER (WHERE r.e IS NULL) AS n_left_out
        FROM residual AS r
        GROUP BY r.layer
    ),

    -- e_t − e_{t−1}, within a run                                     [run, layer, position]
    step AS (
        SELECT
            r.layer,
            r.e,
            r.e - lag(r.e) OVER (PARTITION BY r.run_id, r.layer ORDER BY r.position) AS de
        FROM residual AS r
        WHERE r.e IS NOT NULL
    ),

    -- d = Σ (e_t − e_{t−1})² / Σ e_t²                                           [layer]
    durbin_watson AS (
        SELECT
            s.layer,
            sum(s.de ^ 2) / NULLIF(sum(s.e ^ 2), 0) AS d
        FROM step AS s
        GROUP BY s.layer
    ),

    -- q over the layers, each lag by itself                                     [layer]
    discovery AS (
        SELECT q.*
        FROM (
            SELECT
                array_agg(f.layer ORDER BY f.layer) AS layer,
                array_agg(f.p_lag1 ORDER BY f.layer) AS p_lag1,
                array_agg(f.p_lag2 ORDER BY f.layer) AS p_lag2
            FROM fit AS f
        ) AS p
        CROSS JOIN LATERAL unnest(
            p.layer, lm.benjamini_hochberg(p.p_lag1), lm.benjamini_hochberg(p.p_lag2)
        ) AS q (layer, q_lag1, q_lag2)
    )

    SELECT
        f.layer,
        f.n,
        COALESCE(o.n_left_out, 0),
        w.d,
        q.q_lag1,
        q.q_lag2
    FROM fit AS f
    LEFT JOIN left_out AS o ON f.layer = o.layer
    LEFT JOIN durbin_watson AS w ON f.layer = w.layer
    LEFT JOIN discovery AS q ON f.layer = q.layer
    ORDER BY f.layer;
END;

COMMENT ON FUNCTION lm.lag_diagnostics IS
'Diagnostics of lm.lag_ols for each layer. n_left_out counts rows left out because a norm of 0 has '
'no logarithm. durbin_watson is that of the residuals within runs: 2 if they are uncorrelated. '
'q_lag1 and q_lag2 are the p-values adjusted for the number of layers by lm.benjamini_hochberg. '
'Errors: those of lm.lag_ols.';
