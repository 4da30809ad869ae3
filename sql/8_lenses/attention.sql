-- What heads attend to: attention patterns as rows, and heads of known kinds.

CREATE OR REPLACE VIEW lm.attention_pattern WITH (security_invoker = true) AS
SELECT -- noqa: ST06
    a.run_id,
    a.layer,
    a.head,
    a.position AS query_position,
    k.number::int - 1 AS key_position,
    k.weight::float8 AS weight,
    vq.token AS query_token,
    vk.token AS key_token
FROM lm.activation AS a
CROSS JOIN LATERAL unnest(a.value::real[]) WITH ORDINALITY AS k (weight, number)
-- left joins on keys: the planner leaves them out of queries that do not ask for the tokens
LEFT JOIN lm.run AS r ON a.run_id = r.run_id
LEFT JOIN lm.run_token AS tq ON a.run_id = tq.run_id AND a.position = tq.position
LEFT JOIN lm.vocabulary AS vq ON r.model_id = vq.model_id AND tq.token_id = vq.token_id
LEFT JOIN lm.run_token AS tk ON a.run_id = tk.run_id AND k.number::int - 1 = tk.position
LEFT JOIN lm.vocabulary AS vk ON r.model_id = vk.model_id AND tk.token_id = vk.token_id
WHERE a.site = 'pattern';

COMMENT ON VIEW lm.attention_pattern IS
'Captured attention, a row per edge: the share of its attention that a head gives, at a query, to a position up to it. The shares of a query add up to 1. Only runs that captured pattern have rows.';
COMMENT ON COLUMN lm.attention_pattern.run_id IS 'The run.';
COMMENT ON COLUMN lm.attention_pattern.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm.attention_pattern.head IS 'The head, from 0.';
COMMENT ON COLUMN lm.attention_pattern.query_position IS 'The position that attends, from 0.';
COMMENT ON COLUMN lm.attention_pattern.key_position IS 'The position attended to, from 0 to query_position.';
COMMENT ON COLUMN lm.attention_pattern.weight IS 'The attention, from 0 to 1.';
COMMENT ON COLUMN lm.attention_pattern.query_token IS 'The token that attends.';
COMMENT ON COLUMN lm.attention_pattern.key_token IS 'The token attended to.';

CREATE OR REPLACE FUNCTION lm.head_scores(
    run_id bigint,
    exclude_bos boolean DEFAULT false,
    exclude_current_token boolean DEFAULT false
)
RETURNS TABLE (
    layer int,
    head int,
    previous_token float8,
    duplicate_token float8,
    induction float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    edge AS (
        SELECT
            q.position AS query,
            k.position AS key,
            k.position = q.position - 1 AS is_previous,
            k.token_id = q.token_id AND k.position < q.position AS is_duplicate,
            COALESCE(before.token_id = q.token_id, false) AS is_induction,
            (head_scores.exclude_bos IS TRUE AND k.position = 0)
            OR (head_scores.exclude_current_token IS TRUE AND k.position = q.position)
                AS is_excluded
        FROM lm.run_token AS q
        INNER JOIN lm.run_token AS k ON k.run_id = q.run_id AND k.position <= q.position
        -- the token before the key: an induction head looks for the query's own token there
        LEFT JOIN lm.run_token AS before
            ON before.run_id = k.run_id AND before.position = k.position - 1
        WHERE q.run_id = head_scores.run_id
    ),

    -- 1 where an edge is of the kind, 0 elsewhere                                     [query, key]
    detection AS MATERIALIZED (
        SELECT
            e.query,
            array_agg((NOT e.is_excluded)::int ORDER BY e.key)::vector AS counted,
            array_agg((e.is_previous AND NOT e.is_excluded)::int ORDER BY e.key)::vector
                AS previous,
            array_agg((e.is_duplicate AND NOT e.is_excluded)::int ORDER BY e.key)::vector
                AS duplicate,
            array_agg((e.is_induction AND NOT e.is_excluded)::int ORDER BY e.key)::vector
                AS induction
        FROM edge AS e
        GROUP BY e.query
    )

    -- score = Σ pattern ⊙ detection / Σ pattern                                      [layer, head]
    SELECT
        a.layer,
        a.head,
        sum(a.value <#> d.previous) / NULLIF(sum(a.value <#> d.counted), 0),
        sum(a.value <#> d.duplicate) / NULLIF(sum(a.value <#> d.counted), 0),
        sum(a.value <#> d.induction) / NULLIF(sum(a.value <#> d.counted), 0)
    FROM lm.activation AS a
    INNER JOIN detection AS d ON d.query = a.position
    WHERE lm_internal.require_capture(head_scores.run_id, '{pattern}') IS NOT NULL
        AND a.run_id = head_scores.run_id
        AND a.site = 'pattern'
    GROUP BY a.layer, a.head
    ORDER BY a.layer, a.head;
END;

COMMENT ON FUNCTION lm.head_scores IS
'The share (0 to 1) of each head''s attention that goes to the token before, to earlier copies of the query''s token, and to what followed those copies (induction), over the captured queries. This is TransformerLens''s detect_head with error measure "mul". exclude_bos leaves out attention to position 0; exclude_current_token leaves out attention of a position to itself. Errors: there is no such run; it did not capture pattern.';
