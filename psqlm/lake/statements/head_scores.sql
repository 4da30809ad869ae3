-- Heads of known kinds: the share of a head's attention that goes to the token before, to earlier
-- copies of the query's token, to what followed those copies (induction), and to the first token.
-- The first three are those of lm.head_scores, over the queries of all texts.
SELECT
    e.model,
    e.capture,
    e.layer,
    e.head,
    sum(CASE WHEN e.key_position = e.query_position - 1 THEN e.weight ELSE 0 END)
    / NULLIF(sum(e.weight), 0) AS previous_token,
    sum(
        CASE
            WHEN e.key_token_id = e.query_token_id AND e.key_position < e.query_position
                THEN e.weight
            ELSE 0
        END
    ) / NULLIF(sum(e.weight), 0) AS duplicate_token,
    sum(CASE WHEN e.before_token_id = e.query_token_id THEN e.weight ELSE 0 END)
    / NULLIF(sum(e.weight), 0) AS induction,
    sum(CASE WHEN e.key_position = 0 THEN e.weight ELSE 0 END)
    / NULLIF(sum(e.weight), 0) AS first_token
FROM edge AS e
GROUP BY e.model, e.capture, e.layer, e.head
ORDER BY e.model, e.capture, e.layer, e.head;
