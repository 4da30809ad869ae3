-- the log norms that are regressed; the first token, which is unlike all others, enters nowhere
SELECT layer, position, token, log_norm
FROM lm.adjustment_norm
WHERE run_id = %(run_id)s AND position > 0
ORDER BY layer, position;
