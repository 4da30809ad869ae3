-- The linear maps of the model, where most of the time of a forward pass goes by.

CREATE OR REPLACE FUNCTION lm_internal.halves(
    x vector
)
RETURNS TABLE (norm float8, high halfvec, low halfvec)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        vector_norm(halves.x),
        u.x::halfvec,
        (u.x - u.x::halfvec::vector)::halfvec
    FROM (SELECT l2_normalize(halves.x) AS x OFFSET 0) AS u
    OFFSET 0;  -- else each product would make them again
END;

COMMENT ON FUNCTION lm_internal.halves IS
'x as norm · (high + low): two products of a halfvec with halves are quicker than one that makes it a vector first, and as exact.';

-- Without SET, so that it is inlined: a call for each map and layer would cost as much as a
-- hundred units do.
CREATE OR REPLACE FUNCTION lm_internal.linear(
    x vector[],
    model_id int,
    layer int,
    map lm.site,
    block int DEFAULT 0
)
RETURNS SETOF vector[]
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        CASE
            WHEN cardinality(linear.x) > 32
                THEN lm_internal.linear_by_64(
                    linear.x[:cut.n_wide], linear.model_id, linear.layer, linear.map, linear.block
                ) || CASE
                    WHEN cut.n_wide < cardinality(linear.x)
                        THEN lm_internal.linear_by_32(
                            linear.x[cut.n_wide + 1:],
                            linear.model_id, linear.layer, linear.map, linear.block
                        )
                END
            WHEN cardinality(linear.x) > 8
                THEN lm_internal.linear_by_32(
                    linear.x, linear.model_id, linear.layer, linear.map, linear.block
                )
            WHEN cardinality(linear.x) > 1
                THEN lm_internal.linear_by_8(
                    linear.x, linear.model_id, linear.layer, linear.map, linear.block
                )
            ELSE ARRAY[
                ARRAY(
                    SELECT
                        l.bias - COALESCE(
                            l.weight <#> first.x,
                            half.norm
                            * ((l.weight_half <#> half.high) + (l.weight_half <#> half.low))
                        )
                    FROM lm.linear AS l
                    WHERE l.model_id = linear.model_id
                        AND l.layer = linear.layer
                        AND l.map = linear.map
                        AND l.block = linear.block
                    ORDER BY l.unit
                )::vector
            ]
        END
    FROM (SELECT linear.x[1] AS x OFFSET 0) AS first
    CROSS JOIN lm_internal.halves(first.x) AS half
    -- sixty-four at a time, and what is left if it is more than half as many
    CROSS JOIN (
        SELECT cardinality(linear.x) - CASE
            WHEN cardinality(linear.x) % 64 <= 32 THEN cardinality(linear.x) % 64
            ELSE 0
        END AS n_wide
    ) AS cut;
END;

COMMENT ON FUNCTION lm_internal.linear(vector[], int, int, lm.site, int) IS
'One of the model''s linear maps applied to each row of x: bias + weight · x, [rows of x, units]; one row. Of a map cut in blocks it applies one; they add up.';
