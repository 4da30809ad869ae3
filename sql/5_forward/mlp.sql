-- The MLP: up to d_mlp neurons, through the activation, and down again.

CREATE OR REPLACE FUNCTION lm_internal.mlp(
    x vector[],
    here lm_internal.here
)
RETURNS TABLE (
    mlp_pre vector[],
    mlp_pre_linear vector[],
    mlp_post vector[],
    ln2_post vector[],
    mlp_out vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        mlp_pre,
        gate.mlp_pre_linear,
        mlp_post,
        o.ln2_post,
        o.mlp_out
    -- mlp_pre = W_in x + b_in                                                       [row, d_mlp]
    FROM lm_internal.linear('mlp_pre', mlp.x, mlp.here) AS mlp_pre
    -- mlp_pre_linear = W_linear x + b_linear, in a family with a gate               [row, d_mlp]
    CROSS JOIN LATERAL (
        SELECT
            CASE
                WHEN (mlp.here).gated_mlp
                    THEN (SELECT y FROM lm_internal.linear('mlp_pre_linear', mlp.x, mlp.here) AS y)
            END AS mlp_pre_linear
        OFFSET 0
    ) AS gate
    -- mlp_post = activation(mlp_pre), times mlp_pre_linear                          [row, d_mlp]
    CROSS JOIN LATERAL lm_internal.activated(
        mlp_pre, gate.mlp_pre_linear, (mlp.here).activation
    ) AS a
    CROSS JOIN LATERAL lm_internal.hook('mlp_post', a, mlp.here) AS mlp_post
    -- mlp_out = W_out mlp_post + b_out, and the norm that some families have there [row, d_model]
    CROSS JOIN LATERAL lm_internal.output('mlp_out', 'ln2_post', mlp_post, mlp.here)
        AS o (ln2_post, mlp_out)
    OFFSET 0;
END;

COMMENT ON FUNCTION lm_internal.mlp IS
'What the MLP makes of the normed stream, site by site; mlp_out is added to the stream. mlp_pre_linear is NULL without a gate. Returns one row.';
