-- Two halves of a batch that do not look at each other, side by side in two processes.

DO $$
BEGIN
    CREATE TYPE lm_internal.batch AS (
        sequences int[],
        positions int[],
        token_ids int[],
        parents int[],
        resid vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.batch IS 'Positions to run, as lm_internal.transformer takes them.';
COMMENT ON COLUMN lm_internal.batch.sequences IS 'The sequence of each.';
COMMENT ON COLUMN lm_internal.batch.positions IS 'The position of each in its sequence, from 0.';
COMMENT ON COLUMN lm_internal.batch.token_ids IS 'The token of each.';
COMMENT ON COLUMN lm_internal.batch.parents IS
'The sequence of the batch that its own goes on from, where it does; NULL: none does.';
COMMENT ON COLUMN lm_internal.batch.resid IS
'The stream before the first layer that is run; NULL: the embeddings.';

DO $$
BEGIN
    CREATE TYPE lm_internal.half_matrix AS (
        n_before int,
        layer int,
        site lm.site,
        x vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.half_matrix IS 'What a half of a batch has at a site of a layer.';
COMMENT ON COLUMN lm_internal.half_matrix.n_before IS
'How many positions of the batch lie before the half.';
COMMENT ON COLUMN lm_internal.half_matrix.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm_internal.half_matrix.site IS 'The site.';
COMMENT ON COLUMN lm_internal.half_matrix.x IS 'A vector for each row of the half, or row and head.';

-- The planner gives the branches of a UNION ALL to parallel workers only where it thinks them
-- costly and a worker cheap: hence the costs. Where no worker is free, one process does both.
CREATE OR REPLACE FUNCTION lm_internal.halves_apart(
    first_half lm_internal.batch,
    second_half lm_internal.batch,
    model_id int,
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    first_layer int,
    context_run bigint
)
RETURNS SETOF lm_internal.half_matrix
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET jit = off
BEGIN ATOMIC
    SELECT
        0,
        t.*
    FROM lm_internal.transformer(
        halves_apart.model_id,
        (halves_apart.first_half).sequences,
        (halves_apart.first_half).positions,
        (halves_apart.first_half).token_ids,
        halves_apart.keep,
        halves_apart.generation_id,
        halves_apart.changes,
        halves_apart.first_layer,
        (halves_apart.first_half).resid,
        halves_apart.context_run,
        (halves_apart.first_half).parents
    ) AS t

    UNION ALL

    SELECT
        cardinality((halves_apart.first_half).sequences),
        t.*
    FROM lm_internal.transformer(
        halves_apart.model_id,
        (halves_apart.second_half).sequences,
        (halves_apart.second_half).positions,
        (halves_apart.second_half).token_ids,
        halves_apart.keep,
        halves_apart.generation_id,
        halves_apart.changes,
        halves_apart.first_layer,
        (halves_apart.second_half).resid,
        halves_apart.context_run,
        (halves_apart.second_half).parents
    ) AS t;
END;

COMMENT ON FUNCTION lm_internal.halves_apart IS
'lm_internal.transformer of two batches that do not look at each other, one of them in another process where the server has one to spare.';
