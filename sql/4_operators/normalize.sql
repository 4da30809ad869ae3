-- The norms of the model, on all rows of a matrix. Without SET, so that it is inlined.

CREATE OR REPLACE FUNCTION lm_internal.normalize(
    x vector[],
    gain vector,
    bias vector,
    eps float8,
    centred boolean
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        ARRAY(
            -- γ ⊙ x / √(mean of x² + ε) + β
            SELECT
                r.x
                * lm.fill(
                    1 / sqrt(vector_norm(r.x) ^ 2 / scalar.width + normalize.eps), scalar.width
                )
                * normalize.gain
                + normalize.bias
            FROM (
                SELECT
                    CASE
                        WHEN normalize.centred
                            THEN m.x - lm.fill(
                                (m.x <#> scalar.minus_one) / scalar.width, scalar.width
                            )
                        ELSE m.x
                    END AS x
                FROM (SELECT unnest(normalize.x) AS x) AS m
                OFFSET 0
            ) AS r
        )
    FROM (
        SELECT
            d.width,
            lm.fill(-1, d.width) AS minus_one
        FROM vector_dims(normalize.gain) AS d (width)
        OFFSET 0
    ) AS scalar
    OFFSET 0;  -- else each mention of the result would make it again
END;

COMMENT ON FUNCTION lm_internal.normalize IS
'LayerNorm of each row, γ ⊙ (x − μ) / √(σ² + ε) + β (Ba, Kiros and Hinton 2016), or, not centred, RMSNorm, γ ⊙ x / √(mean of x² + ε) + β (Zhang and Sennrich 2019); one row.';
