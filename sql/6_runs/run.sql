-- Running a model: forward passes that are kept as rows.

CREATE OR REPLACE FUNCTION lm_internal.tokens_in_a_pass()
RETURNS int
LANGUAGE sql
IMMUTABLE
RETURN 256;

COMMENT ON FUNCTION lm_internal.tokens_in_a_pass IS
'How many tokens several texts may have together in one pass. A pass reads each weight once for all of them; more tokens gain nothing, and memory grows with them.';

CREATE OR REPLACE FUNCTION lm_internal.passes(
    model_id int,
    prompts text[],
    token_ids int[],
    capture_layers int[],
    capture_positions int[],
    top_logits int
)
RETURNS TABLE (
    ordinals int[],
    prompts text[],
    sequence int[],
    token_ids int[]
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- a sequence for each prompt, or the one of token_ids
    input AS MATERIALIZED (
        SELECT
            p.ordinal::int AS ordinal,
            p.prompt,
            lm_internal.prompt_tokens(p.prompt, passes.token_ids, passes.model_id) AS tokens
        FROM unnest(COALESCE(passes.prompts, ARRAY[NULL]))
            WITH ORDINALITY AS p (prompt, ordinal)
    ),

    -- in their order, as many to a pass as begin within its tokens
    numbered AS (
        SELECT
            i.*,
            (sum(cardinality(i.tokens)) OVER (ORDER BY i.ordinal) - cardinality(i.tokens))
            / lm_internal.tokens_in_a_pass() AS pass
        FROM input AS i
        WHERE lm_internal.check_capture(
            passes.model_id,
            passes.capture_layers,
            passes.capture_positions,
            passes.top_logits,
            (SELECT max(cardinality(i.tokens)) FROM input AS i)
        )
    ),

    pass AS MATERIALIZED (
        SELECT
            array_agg(n.ordinal ORDER BY n.ordinal) AS ordinals,
            array_agg(n.prompt ORDER BY n.ordinal) AS prompts
        FROM numbered AS n
        GROUP BY n.pass
        ORDER BY n.pass
    )

    SELECT
        p.ordinals,
        p.prompts,
        batch.sequence,
        batch.token_ids
    FROM pass AS p
    CROSS JOIN LATERAL (
        SELECT
            array_agg(i.ordinal ORDER BY i.ordinal, t.position) AS sequence,
            array_agg(t.token_id ORDER BY i.ordinal, t.position) AS token_ids
        FROM input AS i
        CROSS JOIN unnest(i.tokens) WITH ORDINALITY AS t (token_id, position)
        WHERE i.ordinal = ANY (p.ordinals)
    ) AS batch;
END;

COMMENT ON FUNCTION lm_internal.passes IS
'The prompts (or the one sequence of token_ids) in passes of lm_internal.tokens_in_a_pass: their ordinals from 1, and their tokens end to end. Errors: those of lm_internal.prompt_tokens and lm_internal.check_capture.';

CREATE OR REPLACE FUNCTION lm_internal.record_runs(
    model_id int,
    prompts text[],
    token_ids int[],
    capture lm.site[],
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10,
    interventions text DEFAULT NULL,
    capture_dtype text DEFAULT 'float32'
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT lm_internal.require_right('runner', 'run models');
    SELECT lm_internal.hold_model(record_runs.model_id);

    SELECT r.*
    FROM lm_internal.passes(
        record_runs.model_id,
        record_runs.prompts,
        record_runs.token_ids,
        record_runs.capture_layers,
        record_runs.capture_positions,
        record_runs.top_logits
    ) AS p
    CROSS JOIN LATERAL lm_internal.record_pass(
        record_runs.model_id,
        ARRAY(SELECT nextval('lm.run_run_id_seq') FROM unnest(p.ordinals)),
        p.ordinals,
        p.prompts,
        p.sequence,
        p.token_ids,
        record_runs.capture,
        record_runs.capture_layers,
        record_runs.capture_positions,
        record_runs.top_logits,
        record_runs.interventions,
        record_runs.capture_dtype
    ) AS r
    ORDER BY r.ordinal;
END;

COMMENT ON FUNCTION lm_internal.record_runs IS
'What lm.forward and lm.forward_many share: runs the prompts (or the one sequence of token_ids), in passes of lm_internal.tokens_in_a_pass, all of them or none.';

CREATE OR REPLACE FUNCTION lm.forward(
    prompt text DEFAULT NULL,
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    token_ids int[] DEFAULT NULL,
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10,
    capture_dtype text DEFAULT 'float32'
)
RETURNS bigint
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT r.run_id
    FROM lm_internal.record_runs(
        lm.model_id(forward.model),
        CASE WHEN forward.prompt IS NOT NULL THEN ARRAY[forward.prompt] END,
        forward.token_ids,
        lm_internal.capture_sites(forward.capture, lm.model_id(forward.model)),
        forward.capture_layers,
        forward.capture_positions,
        forward.top_logits,
        forward.interventions,
        lm_internal.capture_dtype(forward.capture_dtype)
    ) AS r;
END;

COMMENT ON FUNCTION lm.forward IS
'Runs a prompt (or token_ids) through the model, keeps the captured sites as rows and returns the run_id. interventions names a set of lm.intervention to apply. capture_layers and capture_positions limit what is kept: −1 is the last position, NULL keeps all. Of captured logits the top_logits highest of each position are kept, all if NULL. capture_dtype float16 rounds what is kept, but for logits, and takes half the space; the pass itself is the same. Errors: those of lm_internal.prompt_tokens, lm_internal.check_capture and lm_internal.changes; capture names no site of the model; capture_dtype is neither float32 nor float16; a value is beyond float16.';

CREATE OR REPLACE FUNCTION lm.forward_many(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10,
    capture_dtype text DEFAULT 'float32'
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT *
    FROM lm_internal.record_runs(
        lm.model_id(forward_many.model),
        forward_many.prompts,
        NULL,
        lm_internal.capture_sites(forward_many.capture, lm.model_id(forward_many.model)),
        forward_many.capture_layers,
        forward_many.capture_positions,
        forward_many.top_logits,
        forward_many.interventions,
        lm_internal.capture_dtype(forward_many.capture_dtype)
    );
END;

COMMENT ON FUNCTION lm.forward_many IS
'Runs several prompts, together in passes of lm_internal.tokens_in_a_pass, and makes a run of each; ordinal counts the prompts from 1. Errors: as lm.forward; one bad prompt and nothing is written.';
