-- A corpus: each of its texts is run once, whoever asks and how often.

CREATE OR REPLACE FUNCTION lm_internal.same_numbers(
    a int[],
    b int[]
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
RETURN COALESCE(
    same_numbers.a <@ same_numbers.b AND same_numbers.a @> same_numbers.b,
    num_nulls(same_numbers.a, same_numbers.b) = 2
);

COMMENT ON FUNCTION lm_internal.same_numbers IS
'Whether two arrays hold the same numbers, in any order and however often; NULL is the same as NULL alone.';

CREATE OR REPLACE FUNCTION lm.find_runs(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    capture_dtype text DEFAULT 'float32'
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
            lm_internal.capture_sites(find_runs.capture, m.model_id) AS capture,
            lm_internal.intervention_digest(find_runs.interventions, m.model_id) AS digest,
            lm_internal.capture_dtype(find_runs.capture_dtype) AS dtype
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
            AND lm_internal.same_numbers(r.capture_layers, find_runs.capture_layers)
            AND lm_internal.same_numbers(r.capture_positions, find_runs.capture_positions)
            AND r.capture_dtype = a.dtype
            AND (r.top_logits = 10 OR 'logits' <> ALL (r.capture))
            AND r.interventions IS NOT DISTINCT FROM find_runs.interventions
            -- the set may have been changed since
            AND (r.interventions IS NULL OR r.intervention_digest = a.digest)
    ) AS found
    WHERE found.run_id IS NOT NULL
    ORDER BY p.ordinal;
END;

COMMENT ON FUNCTION lm.find_runs IS
'The prompts that lm.forward_many has run already with this model, this capture (in the same layers, at the same positions and in the same dtype) and this set of interventions as it is now. ordinal counts the prompts from 1; run_id is the newest such run. Errors: no such model; a capture that is no site; capture_dtype is neither float32 nor float16.';

CREATE OR REPLACE FUNCTION lm.forward_once(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    capture_dtype text DEFAULT 'float32'
)
RETURNS TABLE (
    ordinal int,
    run_id bigint,
    is_new boolean
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    -- A text that another session runs is waited for; all take turns in the same order, so none
    -- waits for one that waits for it.
    SELECT count(pg_advisory_xact_lock(t.key))
    FROM (
        SELECT DISTINCT
            hashtextextended(format('lm.run %s %s', m.model_id, p.prompt), 0) AS key
        FROM lm.model_id(forward_once.model) AS m (model_id)
        CROSS JOIN unnest(forward_once.prompts) AS p (prompt)
        ORDER BY key
        OFFSET 0
    ) AS t;

    -- what is seen from here on is what they left
    WITH
    found AS MATERIALIZED (
        SELECT f.*
        FROM lm.find_runs(
            forward_once.prompts, forward_once.model, forward_once.capture,
            forward_once.interventions, forward_once.capture_layers,
            forward_once.capture_positions, forward_once.capture_dtype
        ) AS f
    ),

    missing AS MATERIALIZED (
        SELECT
            p.prompt,
            row_number() OVER (ORDER BY min(p.ordinal)) AS place
        FROM unnest(forward_once.prompts) WITH ORDINALITY AS p (prompt, ordinal)
        WHERE NOT EXISTS (SELECT FROM found AS f WHERE f.ordinal = p.ordinal)
        GROUP BY p.prompt
    ),

    made AS MATERIALIZED (
        SELECT r.*
        FROM lm.forward_many(
            ARRAY(SELECT n.prompt FROM missing AS n ORDER BY n.place),
            forward_once.model, forward_once.capture, forward_once.interventions,
            forward_once.capture_layers, forward_once.capture_positions,
            capture_dtype => forward_once.capture_dtype
        ) AS r
    )

    SELECT
        p.ordinal::int,
        COALESCE(f.run_id, r.run_id),
        f.run_id IS NULL
    FROM unnest(forward_once.prompts) WITH ORDINALITY AS p (prompt, ordinal)
    LEFT JOIN found AS f ON f.ordinal = p.ordinal
    LEFT JOIN missing AS n ON n.prompt = p.prompt
    LEFT JOIN made AS r ON r.ordinal = n.place
    ORDER BY p.ordinal;
END;

COMMENT ON FUNCTION lm.forward_once IS
'lm.forward_many for the prompts that lm.find_runs does not find. A text that stands there twice, or that another session is running, is run once. is_new: whether this call made the run. Errors: those of lm.forward_many.';
