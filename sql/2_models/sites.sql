-- The sites of a model: which ones it has, and how wide they are.

CREATE OR REPLACE FUNCTION lm_internal.has_norm(
    model_id int,
    site text
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN EXISTS (
    SELECT
    FROM lm.layer_norm AS n
    WHERE n.model_id = has_norm.model_id AND n.site = has_norm.site
);

COMMENT ON FUNCTION lm_internal.has_norm IS 'Whether the layers of a model have a norm of this name.';

CREATE OR REPLACE VIEW lm.model_site WITH (security_invoker = true) AS
SELECT
    m.model_id,
    s.site,
    s.n_head,
    s.width
FROM lm.model AS m
CROSS JOIN LATERAL (
    VALUES
    ('embed'::lm.site, NULL::int, m.d_model, true),
    (
        'pos_embed', NULL, m.d_model,
        EXISTS (SELECT FROM lm.position_embedding AS p WHERE p.model_id = m.model_id)
    ),
    ('resid_pre', NULL, m.d_model, true),
    ('ln1', NULL, m.d_model, lm_internal.has_norm(m.model_id, 'ln1')),
    ('q', m.n_head, m.d_head, true),
    ('k', m.n_kv_head, m.d_head, true),
    ('v', m.n_kv_head, m.d_head, true),
    (
        'rot_q', m.n_head, m.d_head,
        EXISTS (SELECT FROM lm.rotary AS r WHERE r.model_id = m.model_id)
    ),
    (
        'rot_k', m.n_kv_head, m.d_head,
        EXISTS (SELECT FROM lm.rotary AS r WHERE r.model_id = m.model_id)
    ),
    ('attn_scores', m.n_head, NULL, true),
    ('pattern', m.n_head, NULL, true),
    ('z', m.n_head, m.d_head, true),
    ('ln1_post', NULL, m.d_model, lm_internal.has_norm(m.model_id, 'ln1_post')),
    ('attn_out', NULL, m.d_model, true),
    ('resid_mid', NULL, m.d_model, NOT m.parallel_attn_mlp),
    ('ln2', NULL, m.d_model, lm_internal.has_norm(m.model_id, 'ln2')),
    ('mlp_pre', NULL, m.d_mlp, true),
    ('mlp_pre_linear', NULL, m.d_mlp, m.gated_mlp),
    ('mlp_post', NULL, m.d_mlp, true),
    ('ln2_post', NULL, m.d_model, lm_internal.has_norm(m.model_id, 'ln2_post')),
    ('mlp_out', NULL, m.d_model, true),
    ('resid_post', NULL, m.d_model, true),
    ('ln_final', NULL, m.d_model, true),
    ('logits', NULL, NULL, true)
) AS s (site, n_head, width, is_there)
WHERE s.is_there;

COMMENT ON VIEW lm.model_site IS
'The sites that a model has, in the order of computation. Families differ, as they do in TransformerLens.';
COMMENT ON COLUMN lm.model_site.model_id IS 'The model.';
COMMENT ON COLUMN lm.model_site.site IS 'The site.';
COMMENT ON COLUMN lm.model_site.n_head IS 'Number of heads, each a row of its own when captured. NULL: the site has no heads.';
COMMENT ON COLUMN lm.model_site.width IS
'How many numbers a captured vector has. NULL: one for each key (attn_scores, pattern) or token (logits).';

CREATE OR REPLACE FUNCTION lm_internal.key_site(
    model_id int
)
RETURNS lm.site
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN CASE
    WHEN EXISTS (SELECT FROM lm.rotary AS r WHERE r.model_id = key_site.model_id)
        THEN 'rot_k'
    ELSE 'k'
END::lm.site;

COMMENT ON FUNCTION lm_internal.key_site IS
'The site that attention reads as keys: rot_k if the model rotates keys, else k.';
