-- Attention scores: how well the keys that a query sees match it. Without SET: it is inlined.

CREATE OR REPLACE FUNCTION lm_internal.scores(
    q vector[],
    k vector[],
    n_visible int[],
    n_unseen int[],
    cap float8
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
                CASE
                    WHEN scores.cap IS NULL THEN s.x
                    ELSE ARRAY(
                        SELECT scores.cap * tanh(unnest(s.x::real[]) / scores.cap)
                    )::vector
                END
            FROM unnest(scores.q, scores.n_visible, scores.n_unseen) AS b (q, n_visible, n_unseen)
            CROSS JOIN LATERAL (
                SELECT
                    ARRAY(
                        SELECT b.q <#> unnest(scores.k)
                        LIMIT b.n_visible
                        OFFSET b.n_unseen
                    )::vector AS x
                OFFSET 0
            ) AS s
        )
    OFFSET 0;  -- else each mention of the result would make it again
END;

COMMENT ON FUNCTION lm_internal.scores IS
'For each row of q −q · k of n_visible keys behind the first n_unseen, [query, key]; with a cap, cap · tanh(of it / cap). One row.';
