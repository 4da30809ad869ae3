-- The transformer as one recursive query over layers.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache,
-- a run with interventions, the part of a run that an intervention can change.
-- A matrix is a vector[] with a row for each position of the batch; shapes stand at the right.

CREATE OR REPLACE FUNCTION lm_internal.transformer_layers(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL,
    last_layer int DEFAULT NULL,
    before lm_internal.key_values DEFAULT NULL
)
RETURNS SETOF lm_internal.layer_matrices
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
BEGIN ATOMIC
    WITH RECURSIVE
    -- what the steps of each layer need to know
    place AS MATERIALIZED (
        SELECT
            (
                m.model_id, l.layer,
                transformer_layers.sequence, transformer_layers.position, transformer_layers.keep,
                m.n_head, m.n_kv_head, m.d_head, m.d_block,
                m.norm_is_centred, m.layer_norm_eps, m.parallel_attn_mlp, m.gated_mlp, m.activation,
                m.attn_scaling, m.attn_logit_softcapping, l.sliding_window,
                transformer_layers.generation_id, transformer_layers.context_run,
                transformer_layers.parent, transformer_layers.before, transformer_layers.changes
            )::lm_internal.here AS here,
            l.layer,
            l.rotary,
            COALESCE(transformer_layers.last_layer, m.n_layer - 1) AS last_layer
        FROM lm.model AS m
        INNER JOIN lm.layer AS l ON l.model_id = m.model_id
        WHERE m.model_id = transformer_layers.model_id
    ),

    -- the rotation of each position, in a family that has it         [position, n_head · d_head]
    rotation AS MATERIALIZED (
        SELECT r.*
        FROM lm_internal.rotations(transformer_layers.model_id, transformer_layers.position) AS r
    ),

    -- a row for each layer: the residual stream it leaves, and what is kept of its sites
    block AS (
        SELECT
            transformer_layers.first_layer - 1 AS layer,
            COALESCE(transformer_layers.resid, e.resid) AS resid,
            ARRAY(
                SELECT (s.site, s.x)::lm_internal.matrix
                FROM (VALUES ('embed'::lm.site, e.embed), ('pos_embed', e.pos_embed)) AS s (site, x)
                WHERE s.site = ANY (transformer_layers.keep) AND s.x IS NOT NULL
            ) AS kept
        FROM place AS p
        CROSS JOIN LATERAL lm_internal.embed_tokens(
            CASE WHEN transformer_layers.resid IS NULL THEN transformer_layers.token_id END, p.here
        ) AS e
        WHERE p.layer = 0

        UNION ALL

        SELECT
            p.layer,
            resid_post,
            ARRAY(
                SELECT (s.site, s.x)::lm_internal.matrix
                FROM (
                    VALUES
                    ('resid_pre'::lm.site, resid_pre), ('ln1', ln1), ('q', q), ('k', k), ('v', v),
                    ('rot_q', rot_q), ('rot_k', rot_k),
                    ('attn_scores', attention.attn_scores), ('pattern', attention.pattern),
                    ('z', attention.z), ('ln1_post', o.ln1_post), ('attn_out', o.attn_out),
                    ('resid_mid', resid_mid), ('ln2', ln2),
                    ('mlp_pre', mlp.mlp_pre), ('mlp_pre_linear', mlp.mlp_pre_linear),
                    ('mlp_post', mlp.mlp_post), ('ln2_post', mlp.ln2_post),
                    ('mlp_out', mlp.mlp_out), ('resid_post', resid_post)
                ) AS s (site, x)
                WHERE s.site = ANY (transformer_layers.keep)
                    -- what the last layer leaves is always wanted
                    OR (s.site = 'resid_post' AND p.layer = p.last_layer)
            )
        FROM block AS b
        INNER JOIN place AS p ON p.layer = b.layer + 1 AND p.layer <= p.last_layer
        LEFT JOIN rotation AS r ON r.rotary = p.rotary

        -- the stream as the layer below left it                               [position, d_model]
        CROSS JOIN LATERAL lm_internal.hook('resid_pre', b.resid, p.here) AS resid_pre

        -- ln1 = Norm(resid_pre)                                               [position, d_model]
        CROSS JOIN LATERAL lm_internal.norm('ln1', resid_pre, p.here) AS ln1

        -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V         [position, head · d_head]
        CROSS JOIN LATERAL lm_internal.linear('q', ln1, p.here) AS q
        CROSS JOIN LATERAL lm_internal.linear('k', ln1, p.here) AS k
        CROSS JOIN LATERAL lm_internal.linear('v', ln1, p.here) AS v

        -- rot_q, rot_k = q, k normed and turned with the position, in families that do so
        CROSS JOIN LATERAL lm_internal.norm_heads('q_norm', q, p.here) AS q_normed
        CROSS JOIN LATERAL lm_internal.norm_heads('k_norm', k, p.here) AS k_normed
        CROSS JOIN LATERAL
            lm_internal.rotate('rot_q', q_normed, r.cosines, r.sines, r.d_rotary, p.here) AS rot_q
        CROSS JOIN LATERAL
            lm_internal.rotate('rot_k', k_normed, r.cosines, r.sines, r.d_rotary, p.here) AS rot_k

        -- pattern = softmax(attn_scores = rot_q · rot_k · scaling), z = pattern v
        CROSS JOIN LATERAL lm_internal.attention(rot_q, rot_k, v, p.here) AS attention

        -- attn_out = W_O z + b_O: the attention adjustment                    [position, d_model]
        CROSS JOIN LATERAL lm_internal.output('attn_out', 'ln1_post', attention.z, p.here)
            AS o (ln1_post, attn_out)

        -- resid_mid = resid_pre + attn_out                                    [position, d_model]
        CROSS JOIN LATERAL lm_internal.add('resid_mid', resid_pre, o.attn_out, p.here) AS resid_mid

        -- ln2 = Norm(resid_mid), or of resid_pre where both sub-blocks read it  [position, d_model]
        CROSS JOIN LATERAL lm_internal.norm(
            'ln2',
            CASE WHEN (p.here).parallel_attn_mlp THEN resid_pre ELSE resid_mid END,
            p.here
        ) AS ln2

        -- mlp_out = W_out mlp_post + b_out, mlp_post = activation(W_in ln2 + b_in)
        CROSS JOIN LATERAL lm_internal.mlp(ln2, p.here) AS mlp

        -- resid_post = resid_mid + mlp_out                                    [position, d_model]
        CROSS JOIN LATERAL lm_internal.add(
            'resid_post', resid_mid, mlp.mlp_out, p.here
        ) AS resid_post
    )

    SELECT
        b.layer,
        b.kept
    FROM block AS b;
END;

COMMENT ON FUNCTION lm_internal.transformer_layers IS
'The forward pass over a batch of positions: for each layer, up to last_layer (NULL: the model''s last), the matrices of the sites of keep, and always the last one''s resid_post. The embeddings are in layer first_layer − 1, where the stream is resid if given. Keys and values from before the batch are those of a generation''s cache, of the run context_run, or before, which is for one layer; a sequence with a parent goes on from that one, which is in the batch as well. Writes nothing (Vaswani et al. 2017; Radford et al. 2019).';

-- enable_seqscan: when this is planned, the cache is empty, and to read it whole would look cheap.
CREATE OR REPLACE FUNCTION lm_internal.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL,
    last_layer int DEFAULT NULL,
    before lm_internal.key_values DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    site lm.site,
    x vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    SELECT
        l.layer,
        k.site,
        k.x
    FROM lm_internal.transformer_layers(
        transformer.model_id,
        transformer.sequence,
        transformer.position,
        transformer.token_id,
        transformer.keep,
        transformer.generation_id,
        transformer.changes,
        transformer.first_layer,
        transformer.resid,
        transformer.context_run,
        transformer.parent,
        transformer.last_layer,
        transformer.before
    ) AS l
    CROSS JOIN unnest(l.kept) AS k (site, x);
END;

COMMENT ON FUNCTION lm_internal.transformer IS
'lm_internal.transformer_layers, a row for each layer and site.';
