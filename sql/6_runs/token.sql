-- The tokens of runs, as text.

CREATE OR REPLACE VIEW lm.token WITH (security_invoker = true) AS
SELECT
    k.run_id,
    k.position,
    k.token_id,
    -- subqueries, so that a query that joins this view and asks for no text does not pay for it
    (
        SELECT v.token
        FROM lm.run AS r
        INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = k.token_id
        WHERE r.run_id = k.run_id
    ) AS token,
    (
        SELECT v.token
        FROM lm.run AS r
        INNER JOIN lm.run_token AS b ON b.run_id = r.run_id AND b.position = k.position - 1
        INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = b.token_id
        WHERE r.run_id = k.run_id
    ) AS previous_token,
    (
        SELECT v.token
        FROM lm.run AS r
        INNER JOIN lm.run_token AS b ON b.run_id = r.run_id AND b.position = k.position + 1
        INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = b.token_id
        WHERE r.run_id = k.run_id
    ) AS next_token,
    (
        SELECT string_agg(v.token, '' ORDER BY b.position)
        FROM lm.run AS r
        INNER JOIN lm.run_token AS b
            ON b.run_id = r.run_id AND b.position BETWEEN k.position - 6 AND k.position
        INNER JOIN lm.vocabulary AS v ON v.model_id = r.model_id AND v.token_id = b.token_id
        WHERE r.run_id = k.run_id
    ) AS context
FROM lm.run_token AS k;

COMMENT ON VIEW lm.token IS
'The tokens of runs with their texts: what stands where, beside what.';
COMMENT ON COLUMN lm.token.run_id IS 'The run.';
COMMENT ON COLUMN lm.token.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.token.token_id IS 'The token.';
COMMENT ON COLUMN lm.token.token IS 'Its text.';
COMMENT ON COLUMN lm.token.previous_token IS 'The text of the token before; NULL at position 0.';
COMMENT ON COLUMN lm.token.next_token IS 'The text of the token after; NULL at the last position.';
COMMENT ON COLUMN lm.token.context IS 'The token and up to six before it, as text.';
