-- how long the vector is that attention adds to the stream
SELECT position, token, norm, log_norm
FROM lm.adjustment_norm
WHERE run_id = %(run_id)s AND layer = %(layer)s
ORDER BY position;
