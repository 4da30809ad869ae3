-- layer by layer and token by token: log norm of the attention adjustment, one run less the other
SELECT
    layer,
    position,
    a.token,
    b.token AS other_token,
    a.log_norm,
    b.log_norm AS other_log_norm,
    a.log_norm - b.log_norm AS difference
FROM lm.adjustment_norm AS a
INNER JOIN lm.adjustment_norm AS b USING (layer, position)
WHERE a.run_id = %(run_id)s AND b.run_id = %(other_run)s
ORDER BY layer, position;
