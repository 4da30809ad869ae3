-- Several sequences at once: they know nothing of one another, so two processes may share them.

CREATE OR REPLACE FUNCTION lm.first_half(
    sequence int[]
)
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- of the rows that end a sequence, the nearest to the middle; the last of all where no other is
    SELECT e.last_row
    FROM (
        SELECT max(b.row)::int AS last_row
        FROM unnest(first_half.sequence) WITH ORDINALITY AS b (sequence, row)
        GROUP BY b.sequence
    ) AS e
    ORDER BY
        e.last_row = cardinality(first_half.sequence),
        abs(2 * e.last_row - cardinality(first_half.sequence)),
        e.last_row
    LIMIT 1;
END;

COMMENT ON FUNCTION lm.first_half IS
'How many positions of a batch, in order of sequence, make up its first half, no sequence cut; of a single sequence, all.';

-- The planner gives the branches of a UNION ALL to parallel workers only where it thinks them
-- costly and a worker cheap: hence the costs. Where no worker is free, one process does both.
CREATE OR REPLACE FUNCTION lm.transformer_many(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    changes lm.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    sequence int,
    "position" int,
    embed vector,
    pos_embed vector,
    resid_pre vector,
    ln1 vector,
    q vector,
    k vector,
    v vector,
    attn_scores vector[],
    pattern vector[],
    z vector,
    attn_out vector,
    resid_mid vector,
    ln2 vector,
    mlp_pre vector,
    mlp_post vector,
    mlp_out vector,
    resid_post vector
)
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET jit = off
BEGIN ATOMIC
    SELECT t.*
    FROM lm.transformer(
        transformer_many.model_id,
        transformer_many.sequence[:lm.first_half(transformer_many.sequence)],
        transformer_many.position[:lm.first_half(transformer_many.sequence)],
        transformer_many.token_id[:lm.first_half(transformer_many.sequence)],
        transformer_many.keep,
        NULL,
        transformer_many.changes,
        transformer_many.first_layer,
        transformer_many.resid[:lm.first_half(transformer_many.sequence)],
        transformer_many.context_run
    ) AS t

    UNION ALL

    SELECT t.*
    FROM lm.transformer(
        transformer_many.model_id,
        transformer_many.sequence[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.position[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.token_id[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.keep,
        NULL,
        transformer_many.changes,
        transformer_many.first_layer,
        transformer_many.resid[lm.first_half(transformer_many.sequence) + 1:],
        transformer_many.context_run
    ) AS t
    WHERE lm.first_half(transformer_many.sequence) < cardinality(transformer_many.sequence);
END;

COMMENT ON FUNCTION lm.transformer_many IS
'lm.transformer of sequences that come in order, a half of them in another process where the server has one to spare (max_parallel_workers_per_gather at its default of 2, or above).';
