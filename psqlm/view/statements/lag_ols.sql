-- the regression log_norm ~ 1 + lag_1 + lag_2 of each layer
SELECT
    r.run_id,
    m.name AS model,
    o.layer,
    o.layer / greatest(m.n_layer - 1, 1)::float8 AS depth,
    o.n,
    o.beta_lag1,
    o.se_lag1,
    o.p_lag1,
    o.beta_lag2,
    o.se_lag2,
    o.p_lag2,
    o.r_squared
FROM lm.run AS r
INNER JOIN lm.model AS m USING (model_id)
CROSS JOIN LATERAL lm.lag_ols(ARRAY[r.run_id]) AS o
WHERE r.run_id = ANY (%(run_ids)s::bigint[])
ORDER BY r.run_id = %(run_id)s DESC, r.run_id, o.layer;
