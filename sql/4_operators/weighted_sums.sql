-- Sums of vectors by weight. Without SET, so that it is inlined.

-- A weight times a vector is the product with a vector that holds the weight throughout. lm.fill
-- takes twice as long to make one as pgvector's mean does: sums of 1 over a count of 1 / weight.
CREATE OR REPLACE FUNCTION lm_internal.weighted_sums(
    weights vector[],
    y vector[],
    first int,
    width int
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        ARRAY(
            SELECT
                COALESCE(
                    (
                        SELECT
                            lm.total(
                                vector_avg(ARRAY[1 / w.weight::float8] || one.sums)
                                * subvector(w.y, weighted_sums.first, weighted_sums.width)
                            )
                        FROM (
                            SELECT
                                unnest(r.weights::real[]) AS weight,
                                unnest(weighted_sums.y) AS y
                        ) AS w
                        WHERE w.weight <> 0
                    ),
                    lm.fill(0, weighted_sums.width)
                )
            FROM unnest(weighted_sums.weights) AS r (weights)
        )
    FROM (SELECT array_fill(1::float8, ARRAY[weighted_sums.width]) AS sums OFFSET 0) AS one
    OFFSET 0;  -- else each mention of the result would make it again
END;

COMMENT ON FUNCTION lm_internal.weighted_sums IS
'For each row of weights the sum of the rows of y by these weights, of their columns from first on, counted from 1: [rows of weights, width]; one row. Rows of y beyond the last weight are left out. For many rows of weights lm_internal.product with yᵀ is cheaper.';
