-- Parts of a batch that do not look at each other, each in a process of its own.

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
