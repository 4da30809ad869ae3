-- Parts of a batch that do not look at each other, each in a process of its own.

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

CREATE OR REPLACE FUNCTION lm_internal.part_of(
    batch lm_internal.batch,
    first int,
    last int
)
RETURNS lm_internal.batch
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN (
    (part_of.batch).sequences[part_of.first:part_of.last],
    (part_of.batch).positions[part_of.first:part_of.last],
    (part_of.batch).token_ids[part_of.first:part_of.last],
    (part_of.batch).parents[part_of.first:part_of.last],
    (part_of.batch).resid[part_of.first:part_of.last]
)::lm_internal.batch;

COMMENT ON FUNCTION lm_internal.part_of IS 'The rows of a batch from first to last, counted from 1.';

DO $$
BEGIN
    CREATE TYPE lm_internal.part_matrix AS (
        n_before int,
        layer int,
        site lm.site,
        x vector[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.part_matrix IS 'What a part of a batch has at a site of a layer.';
COMMENT ON COLUMN lm_internal.part_matrix.n_before IS
'How many positions of the batch lie before the part.';
COMMENT ON COLUMN lm_internal.part_matrix.layer IS 'The layer, from 0.';
COMMENT ON COLUMN lm_internal.part_matrix.site IS 'The site.';
COMMENT ON COLUMN lm_internal.part_matrix.x IS 'A vector for each row of the part, or row and head.';

CREATE OR REPLACE FUNCTION lm_internal.parts_apart(
    batch lm_internal.batch,
    n_before int[],
    model_id int,
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    first_layer int,
    context_run bigint
)
RETURNS SETOF lm_internal.part_matrix
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET min_parallel_table_scan_size = 0
SET jit = off
BEGIN ATOMIC
    SELECT
        m.n_before,
        (m.made).layer,
        (m.made).site,
        (m.made).x
    FROM (
        SELECT
            part.n_before,
            lm_internal.transformer(
                parts_apart.model_id,
                (part.batch).sequences,
                (part.batch).positions,
                (part.batch).token_ids,
                parts_apart.keep,
                parts_apart.generation_id,
                parts_apart.changes,
                parts_apart.first_layer,
                (part.batch).resid,
                parts_apart.context_run,
                (part.batch).parents
            ) AS made
        FROM (
            SELECT
                parts_apart.n_before[p.number] AS n_before,
                lm_internal.part_of(
                    parts_apart.batch,
                    parts_apart.n_before[p.number] + 1,
                    COALESCE(
                        parts_apart.n_before[p.number + 1],
                        cardinality((parts_apart.batch).sequences)
                    )
                ) AS batch
            FROM lm_internal.process AS p
            WHERE p.number <= cardinality(parts_apart.n_before)
            OFFSET 0
        ) AS part
    ) AS m;
END;

COMMENT ON FUNCTION lm_internal.parts_apart IS
'lm_internal.transformer of parts of a batch that do not look at each other, each in a process of its own where the server has one to spare. n_before: how many rows lie before each part.';
