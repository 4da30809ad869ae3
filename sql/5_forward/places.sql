-- Where a pass is in each layer.

CREATE OR REPLACE FUNCTION lm_internal.places(
    model_id int,
    sequence int[],
    "position" int[],
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    context_run bigint,
    parent int[],
    last_layer int,
    before lm_internal.key_values
)
RETURNS TABLE (
    here lm_internal.here,
    layer int,
    rotary int
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        (
            m.model_id, l.layer, places.sequence, places.position,
            -- what the last layer leaves is always wanted
            CASE
                WHEN l.layer = COALESCE(places.last_layer, m.n_layer - 1)
                    THEN places.keep || 'resid_post'::lm.site
                ELSE places.keep
            END,
            m.n_head, m.n_kv_head, m.d_head, m.d_block,
            m.norm_is_centred, m.layer_norm_eps, m.parallel_attn_mlp, m.gated_mlp, m.activation,
            m.attn_scaling, m.attn_logit_softcapping, l.sliding_window,
            places.generation_id, places.context_run, places.parent, places.before, places.changes
        )::lm_internal.here,
        l.layer,
        l.rotary
    FROM lm.model AS m
    INNER JOIN lm.layer AS l ON l.model_id = m.model_id
    WHERE m.model_id = places.model_id AND l.layer <= COALESCE(places.last_layer, m.n_layer - 1);
END;

COMMENT ON FUNCTION lm_internal.places IS
'For each layer of a model, up to last_layer (NULL: its last), what the steps of a pass need to know there, and which rotation it has (NULL: none).';
