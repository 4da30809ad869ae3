-- Softmax of attention scores. It is called for every head and position, so it takes all the
-- queries of a head at once and has no SET: the planner inlines it.

CREATE OR REPLACE FUNCTION lm_internal.softmax(
    scores vector[]
)
RETURNS SETOF vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        ARRAY(
            -- e^s / Σ e^s is the square of e^(s/2) / √Σ (e^(s/2))²: l2_normalize of e^(s/2)
            SELECT root.x * root.x
            FROM (
                SELECT
                    l2_normalize(
                        CASE
                            -- no two elements of a vector differ by more than √2 of its norm, and
                            -- e^(−60 √2) is not yet an underflow: no need of the highest
                            WHEN vector_norm(r.near_zero) < 60
                                THEN ARRAY(SELECT exp(unnest(r.near_zero::real[]) / 2))::vector
                            -- e^−60 is nothing beside 1; what was knocked out is nothing at all
                            ELSE ARRAY(
                                SELECT
                                    CASE
                                        WHEN s.score > -1e37
                                            THEN exp(
                                                greatest(
                                                    s.score - (
                                                        SELECT max(each.score)
                                                        FROM (
                                                            SELECT unnest(r.x::real[]) AS score
                                                        ) AS each
                                                    ),
                                                    -60
                                                ) / 2
                                            )
                                        ELSE 0
                                    END
                                FROM (SELECT unnest(r.x::real[]) AS score) AS s
                            )::vector
                        END
                    ) AS x
                FROM (
                    SELECT
                        m.x,
                        -- softmax stays the same if all scores are moved by one number
                        CASE
                            WHEN vector_norm(m.x) < 60 THEN m.x
                            WHEN vector_norm(m.x) < 1e6
                                THEN m.x - lm.fill(
                                    (m.x <#> lm.fill(-1, vector_dims(m.x))) / vector_dims(m.x),
                                    vector_dims(m.x)
                                )
                        END AS near_zero
                    FROM (SELECT unnest(softmax.scores) AS x) AS m
                    OFFSET 0
                ) AS r
                OFFSET 0
            ) AS root
        )
    OFFSET 0;  -- else each mention of the result would make it again
END;

COMMENT ON FUNCTION lm_internal.softmax IS
'e^s / Σ e^s of each row of scores; one row. Of a score knocked out (-1e38) the weight is 0, and where all are, all are 0.';
