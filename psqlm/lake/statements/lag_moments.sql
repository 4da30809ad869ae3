-- All that the regression log_norm ~ 1 + lag_1 + lag_2 needs to know of a layer's adjustments:
-- means, and sums of products about them (s_a_b), of the regressors, of position, which may be
-- controlled for, and of log_norm. Durbin and Watson's statistic needs the sums of products of
-- steps from one token to the next, too (step_a_b). A row for each model, capture and layer.
WITH
norm AS (
    SELECT
        a.model,
        a.capture,
        a.text_id,
        a.layer,
        a.position,
        ln(NULLIF(a.norm, 0)) AS log_norm
    FROM activation AS a
    -- token 0 is left out, as a lag too: it can only attend to itself
    WHERE a.site = 'attn_out' AND a.position >= 1
),

lagged AS (
    SELECT
        n.model,
        n.capture,
        n.layer,
        n.position,
        n.log_norm,
        lag(n.log_norm, 1) OVER before AS lag_1,
        lag(n.log_norm, 2) OVER before AS lag_2,
        lag(n.log_norm, 3) OVER before AS lag_3,
        n.position - lag(n.position, 2) OVER before AS distance_2,
        n.position - lag(n.position, 3) OVER before AS distance_3
    FROM norm AS n
    WINDOW before AS (PARTITION BY n.text_id, n.layer ORDER BY n.position)
),

-- of positions t − 1 and t − 2 exactly, even if a text kept only some; what is not known has no
-- logarithm, for its norm is 0
design AS (
    SELECT
        l.model,
        l.capture,
        l.layer,
        l.position,
        l.log_norm,
        l.lag_1,
        l.lag_2,
        l.log_norm - l.lag_1 AS step,
        l.lag_1 - l.lag_2 AS step_1,
        l.lag_2 - l.lag_3 AS step_2,
        l.log_norm + l.lag_1 + l.lag_2 IS NOT NULL AS is_known,
        l.log_norm + l.lag_1 + l.lag_2 + l.lag_3 IS NOT NULL AND l.distance_3 = 3 AS has_step
    FROM lagged AS l
    WHERE l.distance_2 = 2
)

SELECT
    d.model,
    d.capture,
    d.layer,
    count(*) FILTER (WHERE d.is_known) AS n,
    count(*) FILTER (WHERE NOT d.is_known) AS n_left_out,
    avg(d.lag_1) FILTER (WHERE d.is_known) AS mean_lag_1,
    avg(d.lag_2) FILTER (WHERE d.is_known) AS mean_lag_2,
    avg(d.position) FILTER (WHERE d.is_known) AS mean_position,
    avg(d.log_norm) FILTER (WHERE d.is_known) AS mean_log_norm,
    regr_sxx(d.lag_1, d.lag_1) FILTER (WHERE d.is_known) AS s_lag_1_lag_1,
    regr_sxy(d.lag_1, d.lag_2) FILTER (WHERE d.is_known) AS s_lag_1_lag_2,
    regr_sxy(d.lag_1, d.position) FILTER (WHERE d.is_known) AS s_lag_1_position,
    regr_sxy(d.lag_1, d.log_norm) FILTER (WHERE d.is_known) AS s_lag_1_log_norm,
    regr_sxx(d.lag_2, d.lag_2) FILTER (WHERE d.is_known) AS s_lag_2_lag_2,
    regr_sxy(d.lag_2, d.position) FILTER (WHERE d.is_known) AS s_lag_2_position,
    regr_sxy(d.lag_2, d.log_norm) FILTER (WHERE d.is_known) AS s_lag_2_log_norm,
    regr_sxx(d.position, d.position) FILTER (WHERE d.is_known) AS s_position_position,
    regr_sxy(d.position, d.log_norm) FILTER (WHERE d.is_known) AS s_position_log_norm,
    regr_sxx(d.log_norm, d.log_norm) FILTER (WHERE d.is_known) AS s_log_norm_log_norm,
    sum(d.step_1 * d.step_1) FILTER (WHERE d.has_step) AS step_lag_1_lag_1,
    sum(d.step_1 * d.step_2) FILTER (WHERE d.has_step) AS step_lag_1_lag_2,
    sum(d.step_1 * d.step) FILTER (WHERE d.has_step) AS step_lag_1_log_norm,
    sum(d.step_2 * d.step_2) FILTER (WHERE d.has_step) AS step_lag_2_lag_2,
    sum(d.step_2 * d.step) FILTER (WHERE d.has_step) AS step_lag_2_log_norm,
    sum(d.step * d.step) FILTER (WHERE d.has_step) AS step_log_norm_log_norm
FROM design AS d
GROUP BY d.model, d.capture, d.layer
ORDER BY d.model, d.capture, d.layer;
