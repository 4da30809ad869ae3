-- Parts of a batch that do not look at each other, each in a process of its own.

CREATE OR REPLACE FUNCTION lm_internal.part_apart(
    number int,
    n_before int[],
    batch lm_internal.batch,
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
PARALLEL SAFE
COST 1000000
SET plan_cache_mode = force_generic_plan
SET jit = off
BEGIN ATOMIC
    SELECT
        part_apart.n_before[part_apart.number],
        t.*
    FROM lm_internal.part_of(
        part_apart.batch,
        part_apart.n_before[part_apart.number] + 1,
        COALESCE(
            part_apart.n_before[part_apart.number + 1], cardinality((part_apart.batch).sequences)
        )
    ) AS part
    CROSS JOIN LATERAL lm_internal.transformer(
        part_apart.model_id,
        part.sequences,
        part.positions,
        part.token_ids,
        part_apart.keep,
        part_apart.generation_id,
        part_apart.changes,
        part_apart.first_layer,
        part.resid,
        part_apart.context_run,
        part.parents
    ) AS t;
END;

COMMENT ON FUNCTION lm_internal.part_apart IS
'lm_internal.transformer of a part of a batch. n_before: how many rows lie before each part.';

CREATE OR REPLACE FUNCTION lm_internal.parts_apart(
    n_before int[],
    batch lm_internal.batch,
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
        (m.made).n_before,
        (m.made).layer,
        (m.made).site,
        (m.made).x
    FROM (
        SELECT
            lm_internal.part_apart(
                p.number,
                parts_apart.n_before,
                parts_apart.batch,
                parts_apart.model_id,
                parts_apart.keep,
                parts_apart.generation_id,
                parts_apart.changes,
                parts_apart.first_layer,
                parts_apart.context_run
            ) AS made
        FROM lm_internal.process AS p
        WHERE p.number <= cardinality(parts_apart.n_before)
    ) AS m;
END;

COMMENT ON FUNCTION lm_internal.parts_apart IS
'lm_internal.transformer of parts of a batch that do not look at each other, each in a process of its own where the server has one to spare. n_before: how many rows lie before each part.';
