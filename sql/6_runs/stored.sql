-- Captured vectors, whichever dtype they are stored in.

CREATE OR REPLACE VIEW lm.attention_adjustment WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.layer,
    a.position,
    COALESCE(a.adjustment, a.adjustment_half::vector) AS adjustment,
    COALESCE(a.norm, l2_norm(a.adjustment_half)) AS norm
FROM lm.stored_adjustment AS a;

COMMENT ON VIEW lm.attention_adjustment IS
'What attention adds to the residual stream (attn_out): the sub-block''s output after its projection and bias.';
COMMENT ON COLUMN lm.attention_adjustment.run_id IS 'The run.';
COMMENT ON COLUMN lm.attention_adjustment.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.attention_adjustment.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.attention_adjustment.adjustment IS
'The adjustment, [d_model]; rounded to float16 where lm.run.capture_dtype says so.';
COMMENT ON COLUMN lm.attention_adjustment.norm IS 'Its L2 norm.';

CREATE OR REPLACE VIEW lm.activation WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.site,
    a.layer,
    a.head,
    a.position,
    COALESCE(a.value, a.value_half::vector) AS value
FROM lm.stored_activation AS a;

COMMENT ON VIEW lm.activation IS 'Any other captured vector of a run.';
COMMENT ON COLUMN lm.activation.run_id IS 'The run.';
COMMENT ON COLUMN lm.activation.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm.activation.layer IS 'The layer, from 0; 0 for the embeddings and n_layer for ln_final.';
COMMENT ON COLUMN lm.activation.head IS 'The head, from 0; −1 where the site has none.';
COMMENT ON COLUMN lm.activation.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.activation.value IS
'The vector: [d_model], [d_mlp] or [d_head], as the site has it; of attn_scores and pattern one number per key, [position + 1]. Rounded to float16 where lm.run.capture_dtype says so.';

CREATE OR REPLACE FUNCTION lm_internal.capture_dtype(
    dtype text
)
RETURNS text
LANGUAGE sql
STABLE
RETURN CASE
    WHEN capture_dtype.dtype IN ('float32', 'float16') THEN capture_dtype.dtype
    ELSE lm_internal.fail(
        NULL::text,
        format(
            'capture_dtype is float32 or float16, not %s', COALESCE(capture_dtype.dtype, 'NULL')
        )
    )
END;

COMMENT ON FUNCTION lm_internal.capture_dtype IS
'How the vectors of a run are to be stored. Errors: neither float32 nor float16.';

CREATE OR REPLACE FUNCTION lm_internal.large_to_half(
    value vector,
    site lm.site,
    layer int
)
RETURNS halfvec
LANGUAGE sql
VOLATILE
RETURN (
    SELECT
        CASE
            -- what lies below 65520 is rounded to 65504
            WHEN max(abs(e.x)) < 65520 THEN array_agg(e.x ORDER BY e.number)::halfvec
            ELSE lm_internal.fail(
                NULL::halfvec,
                format(
                    '%s in layer %s has a value beyond 65504, the last of float16',
                    large_to_half.site, large_to_half.layer
                ),
                'capture_dtype float32 keeps it as it is'
            )
        END
    FROM (
        SELECT
            o.number,
            -- the score of a key that is not seen is no score: the lowest there is says so too
            CASE
                WHEN large_to_half.site = 'attn_scores' AND o.x < -1e37 THEN -65504
                ELSE o.x
            END AS x
        FROM unnest(large_to_half.value::real[]) WITH ORDINALITY AS o (x, number)
    ) AS e
);

COMMENT ON FUNCTION lm_internal.large_to_half IS
'lm_internal.to_half for the few vectors that may have a value beyond its range.';

-- As volatile as the error that it may raise, or else it is not inlined: there is a call for each
-- vector.
CREATE OR REPLACE FUNCTION lm_internal.to_half(
    value vector,
    site lm.site,
    layer int
)
RETURNS halfvec
LANGUAGE sql
VOLATILE
RETURN CASE
    WHEN vector_norm(to_half.value) < 65504 THEN to_half.value::halfvec
    ELSE lm_internal.large_to_half(to_half.value, to_half.site, to_half.layer)
END;

COMMENT ON FUNCTION lm_internal.to_half IS
'A captured vector, rounded to float16; the scores of keys that are not seen, −1e38, become −65504. Errors: a value is beyond the range of float16, with the site and layer.';
