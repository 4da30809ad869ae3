-- how long the residual stream is after a layer
SELECT position, token, norm
FROM lm.residual_norm
WHERE run_id = %(run_id)s AND site = 'resid_post' AND layer = %(layer)s
ORDER BY position;
