-- The equations of a layer (Vaswani et al. 2017; Radford et al. 2019). A matrix is a vector[] with
-- a row for each position of the batch; shapes stand at the right.

CREATE OR REPLACE FUNCTION lm_internal.attention_inputs(
    resid vector[],
    cosines vector[],
    sines vector[],
    d_rotary int,
    here lm_internal.here
)
RETURNS TABLE (
    resid_pre vector[],
    rot_q vector[],
    rot_k vector[],
    v vector[],
    kept lm_internal.matrix[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        resid_pre,
        rot_q,
        rot_k,
        v,
        ARRAY(
            SELECT (s.site, s.x)::lm_internal.matrix
            FROM (
                VALUES
                ('resid_pre'::lm.site, resid_pre), ('ln1', ln1), ('q', q), ('k', k), ('v', v),
                ('rot_q', rot_q), ('rot_k', rot_k)
            ) AS s (site, x)
            WHERE s.site = ANY ((attention_inputs.here).keep)
        )

    -- the stream as the layer below left it                               [position, d_model]
    FROM lm_internal.hook('resid_pre', attention_inputs.resid, attention_inputs.here) AS resid_pre

    -- ln1 = Norm(resid_pre)                                               [position, d_model]
    CROSS JOIN LATERAL lm_internal.norm('ln1', resid_pre, attention_inputs.here) AS ln1

    -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V         [position, head · d_head]
    CROSS JOIN LATERAL lm_internal.linear('q', ln1, attention_inputs.here) AS q
    CROSS JOIN LATERAL lm_internal.linear('k', ln1, attention_inputs.here) AS k
    CROSS JOIN LATERAL lm_internal.linear('v', ln1, attention_inputs.here) AS v

    -- rot_q, rot_k = q, k normed and turned with the position, in families that do so
    CROSS JOIN LATERAL lm_internal.norm_heads('q_norm', q, attention_inputs.here) AS q_normed
    CROSS JOIN LATERAL lm_internal.norm_heads('k_norm', k, attention_inputs.here) AS k_normed
    CROSS JOIN LATERAL lm_internal.rotate(
        'rot_q', q_normed, attention_inputs.cosines, attention_inputs.sines,
        attention_inputs.d_rotary, attention_inputs.here
    ) AS rot_q
    CROSS JOIN LATERAL lm_internal.rotate(
        'rot_k', k_normed, attention_inputs.cosines, attention_inputs.sines,
        attention_inputs.d_rotary, attention_inputs.here
    ) AS rot_k;
END;

COMMENT ON FUNCTION lm_internal.attention_inputs IS
'The first part of a layer: queries, keys and values of the residual stream, and which of its sites are kept. cosines, sines and d_rotary are those of lm_internal.rotations, NULL in a layer without. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.attention_and_mlp(
    resid_pre vector[],
    rot_q vector[],
    rot_k vector[],
    v vector[],
    here lm_internal.here
)
RETURNS TABLE (
    resid_post vector[],
    kept lm_internal.matrix[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        resid_post,
        ARRAY(
            SELECT (s.site, s.x)::lm_internal.matrix
            FROM (
                VALUES
                ('attn_scores'::lm.site, attention.attn_scores), ('pattern', attention.pattern),
                ('z', attention.z), ('ln1_post', o.ln1_post), ('attn_out', o.attn_out),
                ('resid_mid', resid_mid), ('ln2', ln2),
                ('mlp_pre', mlp.mlp_pre), ('mlp_pre_linear', mlp.mlp_pre_linear),
                ('mlp_post', mlp.mlp_post), ('ln2_post', mlp.ln2_post),
                ('mlp_out', mlp.mlp_out), ('resid_post', resid_post)
            ) AS s (site, x)
            WHERE s.site = ANY ((attention_and_mlp.here).keep)
        )

    -- pattern = softmax(attn_scores = rot_q · rot_k · scaling), z = pattern v
    FROM lm_internal.attention(
        attention_and_mlp.rot_q, attention_and_mlp.rot_k, attention_and_mlp.v,
        attention_and_mlp.here
    ) AS attention

    -- attn_out = W_O z + b_O: the attention adjustment                    [position, d_model]
    CROSS JOIN LATERAL lm_internal.output(
        'attn_out', 'ln1_post', attention.z, attention_and_mlp.here
    ) AS o (ln1_post, attn_out)

    -- resid_mid = resid_pre + attn_out                                    [position, d_model]
    CROSS JOIN LATERAL lm_internal.add(
        'resid_mid', attention_and_mlp.resid_pre, o.attn_out, attention_and_mlp.here
    ) AS resid_mid

    -- ln2 = Norm(resid_mid), or of resid_pre where both sub-blocks read it  [position, d_model]
    CROSS JOIN LATERAL lm_internal.norm(
        'ln2',
        CASE
            WHEN (attention_and_mlp.here).parallel_attn_mlp THEN attention_and_mlp.resid_pre
            ELSE resid_mid
        END,
        attention_and_mlp.here
    ) AS ln2

    -- mlp_out = W_out mlp_post + b_out, mlp_post = activation(W_in ln2 + b_in)
    CROSS JOIN LATERAL lm_internal.mlp(ln2, attention_and_mlp.here) AS mlp

    -- resid_post = resid_mid + mlp_out                                    [position, d_model]
    CROSS JOIN LATERAL lm_internal.add(
        'resid_post', resid_mid, mlp.mlp_out, attention_and_mlp.here
    ) AS resid_post;
END;

COMMENT ON FUNCTION lm_internal.attention_and_mlp IS
'The second part of a layer: what attention and the MLP add to the residual stream, and which of its sites are kept. Keys and values are those of the positions of the batch. Returns one row.';
