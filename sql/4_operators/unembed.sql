-- The residual stream read as predictions. Without SET, so that it is inlined.

CREATE OR REPLACE FUNCTION lm_internal.unembed(
    x vector[],
    model_id int
)
RETURNS TABLE (
    ordinal int,
    logits real[]
)
LANGUAGE sql
STABLE
ROWS 100
BEGIN ATOMIC
    SELECT u.*
    FROM lm_internal.unembed_by_8(unembed.x, unembed.model_id) AS u
    WHERE cardinality(unembed.x) <= 8

    UNION ALL

    SELECT u.*
    FROM lm_internal.unembed_by_16(unembed.x, unembed.model_id) AS u
    WHERE cardinality(unembed.x) > 8;
END;

COMMENT ON FUNCTION lm_internal.unembed IS
'Each row of x, [rows, d_model], read as a prediction by the unembedding: ordinal counts the rows from 1, logits are [n_vocab] from token 0 on. Apply the final norm before.';
