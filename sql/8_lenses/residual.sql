-- How the residual stream grows and turns, layer by layer.

CREATE OR REPLACE VIEW lm.residual_norm WITH (security_invoker = true) AS
SELECT
    c.run_id,
    c.site,
    c.layer,
    c.position,
    t.token,
    vector_norm(c.value) AS norm
FROM lm.captured AS c
-- a left join on a key: the planner leaves it out of queries that do not ask for the token
LEFT JOIN lm.token AS t ON c.run_id = t.run_id AND c.position = t.position
WHERE c.site IN ('resid_pre', 'resid_mid', 'resid_post');

COMMENT ON VIEW lm.residual_norm IS
'The length of the residual stream, wherever a run captured resid_pre, resid_mid or resid_post.';
COMMENT ON COLUMN lm.residual_norm.run_id IS 'The run.';
COMMENT ON COLUMN lm.residual_norm.site IS 'resid_pre, resid_mid or resid_post: before, within or after the layer.';
COMMENT ON COLUMN lm.residual_norm.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.residual_norm.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.residual_norm.token IS 'The token there.';
COMMENT ON COLUMN lm.residual_norm.norm IS 'L2 norm of the vector.';

CREATE OR REPLACE VIEW lm.residual_cosine WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.site,
    a.position,
    a.layer,
    b.layer AS other_layer,
    1 - (a.value <=> b.value) AS cosine
FROM lm.captured AS a
INNER JOIN lm.captured AS b
    ON a.run_id = b.run_id AND a.site = b.site AND a.head = b.head AND a.position = b.position
WHERE
    a.site IN ('resid_pre', 'resid_mid', 'resid_post')
    AND a.layer < b.layer;

COMMENT ON VIEW lm.residual_cosine IS
'Cosine of the residual stream at a position in two layers, each pair once, wherever a run captured resid_pre, resid_mid or resid_post.';
COMMENT ON COLUMN lm.residual_cosine.run_id IS 'The run.';
COMMENT ON COLUMN lm.residual_cosine.site IS 'resid_pre, resid_mid or resid_post, the same in both layers.';
COMMENT ON COLUMN lm.residual_cosine.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.residual_cosine.layer IS 'The lower layer, from 0.';
COMMENT ON COLUMN lm.residual_cosine.other_layer IS 'The higher layer.';
COMMENT ON COLUMN lm.residual_cosine.cosine IS 'Cosine of the angle between the two vectors, −1 to 1.';
