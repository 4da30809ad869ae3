-- A corpus: which of its texts have been run, and what their tokens are labelled with.

CREATE OR REPLACE FUNCTION lm.find_runs(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    asked AS MATERIALIZED (
        SELECT
            m.model_id,
            lm.capture_sites(find_runs.capture, m.model_id) AS capture
        FROM lm.model_id(find_runs.model) AS m (model_id)
    )

    SELECT
        p.ordinal::int,
        found.run_id
    FROM asked AS a
    CROSS JOIN unnest(find_runs.prompts) WITH ORDINALITY AS p (prompt, ordinal)
    -- a look-up of the index for each prompt, however many runs there are
    CROSS JOIN LATERAL (
        SELECT max(r.run_id) AS run_id
        FROM lm.run AS r
        WHERE r.prompt = p.prompt
            AND r.model_id = a.model_id
            AND r.capture @> a.capture
            AND r.capture <@ a.capture
            AND num_nonnulls(r.capture_layers, r.capture_positions) = 0
            AND (r.top_logits = 10 OR 'logits' <> ALL (r.capture))
            AND r.interventions IS NOT DISTINCT FROM find_runs.interventions
    ) AS found
    WHERE found.run_id IS NOT NULL
    ORDER BY p.ordinal;
END;

COMMENT ON FUNCTION lm.find_runs IS
'Those of the prompts that lm.forward_many has run already, with this model, capture and set of interventions: ordinal counts the prompts from 1, run_id is the newest such run. Runs that kept only some layers or positions do not count. Errors: no such model; a capture that is no site.';

CREATE OR REPLACE VIEW lm.token_tag AS
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
'The labels of every token: its own, and those of its run that it has none of its own for.';
COMMENT ON COLUMN lm.token_tag.run_id IS 'The run.';
COMMENT ON COLUMN lm.token_tag.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.token_tag.name IS 'What is said of the token.';
COMMENT ON COLUMN lm.token_tag.value IS 'What it is there.';
