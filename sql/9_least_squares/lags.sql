-- Rows for regressions on any number of tokens before, with variables to control for.

CREATE OR REPLACE FUNCTION lm.lag_rows(
    run_ids bigint[],
    lags int DEFAULT 2
)
RETURNS TABLE (
    run_id bigint,
    layer int,
    "position" int,
    token_id int,
    log_frequency float8,
    log_norm float8,
    lag float8[]
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- the arguments, checked
    checked AS MATERIALIZED (
        SELECT
            CASE
                WHEN lm_internal.same_model(lag_rows.run_ids) IS NOT NULL THEN lag_rows.run_ids
            END AS run_ids,
            CASE
                WHEN lag_rows.lags >= 1 THEN lag_rows.lags
                ELSE lm_internal.fail(
                    NULL::int, 'lags must be 1 or more', 'lm.lag_rows(run_ids, lags => 2)'
                )
            END AS lags
    ),

    -- ln of the token's share of all tokens of these runs                       [run, position]
    token AS (
        SELECT
            t.run_id,
            t.position,
            t.token_id,
            ln(count(*) OVER (PARTITION BY t.token_id)::float8 / count(*) OVER ()) AS log_frequency
        FROM lm.run_token AS t
        WHERE t.run_id = ANY ((SELECT c.run_ids FROM checked AS c)::bigint[])
    ),

    -- y at t beside y at t − 1, t − 2, … t − lags                         [run, layer, position]
    lagged AS (
        SELECT
            n.run_id,
            n.layer,
            n.position,
            n.log_norm,
            array_agg(n.log_norm) OVER (
                PARTITION BY n.run_id, n.layer
                ORDER BY n.position DESC
                RANGE BETWEEN 1 FOLLOWING AND (SELECT c.lags FROM checked AS c) FOLLOWING
            ) AS lag
        FROM lm.adjustment_norm AS n
        WHERE n.run_id = ANY ((SELECT c.run_ids FROM checked AS c)::bigint[])
            -- token 0 is left out, as a lag too
            AND n.position >= 1
    )

    SELECT
        l.run_id,
        l.layer,
        l.position,
        t.token_id,
        t.log_frequency,
        l.log_norm,
        l.lag
    FROM lagged AS l
    INNER JOIN token AS t ON l.run_id = t.run_id AND l.position = t.position
    CROSS JOIN checked AS c
    WHERE cardinality(l.lag) = c.lags
    ORDER BY l.layer, l.run_id, l.position;
END;

COMMENT ON FUNCTION lm.lag_rows IS
'Rows for a regression of log_norm on any number of lags: positions lags + 1 … n − 1 of each run. '
'lag is [log_norm at t − 1, …, t − lags], NULL where a norm is 0. log_frequency is the natural '
'logarithm of the token''s share of all tokens of these runs. '
'SELECT ROW(layer, log_norm, lag || position::float8)::lm.observation makes rows for lm.ols. '
'Errors: there is no such run; the runs are of several models; lags is below 1.';
