-- Labels of runs and tokens.

CREATE OR REPLACE VIEW lm.token_tag WITH (security_invoker = true) AS
SELECT
    k.run_id,
    k.position,
    t.name,
    t.value
FROM lm.run_token AS k
INNER JOIN lm.tag AS t ON k.run_id = t.run_id
WHERE t.position = k.position
    OR (
        t.position IS NULL
        AND NOT EXISTS (
            SELECT FROM lm.tag AS own
            WHERE own.run_id = k.run_id AND own.position = k.position AND own.name = t.name
        )
    );

COMMENT ON VIEW lm.token_tag IS
'The labels of every token: its own, and those of its run. Where both have a label of one name, the token''s own counts.';
COMMENT ON COLUMN lm.token_tag.run_id IS 'The run.';
COMMENT ON COLUMN lm.token_tag.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.token_tag.name IS 'What is said of the token.';
COMMENT ON COLUMN lm.token_tag.value IS 'What it is there.';
