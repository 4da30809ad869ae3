-- A pass, in as many processes as are quickest.

CREATE OR REPLACE FUNCTION lm_internal.transformer_parts(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL,
    parent int[] DEFAULT NULL
)
RETURNS SETOF lm_internal.part_matrix
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    cut AS MATERIALIZED (
        SELECT
            c.manner,
            c.n_before,
            (
                transformer_parts.sequence, transformer_parts.position, transformer_parts.token_id,
                transformer_parts.parent, transformer_parts.resid
            )::lm_internal.batch AS batch
        FROM lm_internal.cut(
            transformer_parts.model_id,
            transformer_parts.sequence,
            transformer_parts.position,
            transformer_parts.parent
        ) AS c
    )

    SELECT
        0,
        t.*
    FROM lm_internal.transformer(
        transformer_parts.model_id,
        transformer_parts.sequence,
        transformer_parts.position,
        transformer_parts.token_id,
        transformer_parts.keep,
        transformer_parts.generation_id,
        transformer_parts.changes,
        transformer_parts.first_layer,
        transformer_parts.resid,
        transformer_parts.context_run,
        transformer_parts.parent
    ) AS t
    WHERE NOT EXISTS (SELECT FROM cut)

    UNION ALL

    SELECT t.*
    FROM cut AS c
    CROSS JOIN LATERAL lm_internal.parts_apart(
        c.n_before, c.batch, transformer_parts.model_id, transformer_parts.keep,
        transformer_parts.generation_id, transformer_parts.changes,
        transformer_parts.first_layer, transformer_parts.context_run
    ) AS t
    WHERE c.manner = 'apart'

    UNION ALL

    SELECT t.*
    FROM cut AS c
    CROSS JOIN LATERAL lm_internal.part_of(c.batch, 1, c.n_before[2]) AS first_half
    CROSS JOIN LATERAL lm_internal.part_of(
        c.batch, c.n_before[2] + 1, cardinality(transformer_parts.sequence)
    ) AS second_half
    CROSS JOIN LATERAL lm_internal.halves_in_step(
        first_half::lm_internal.batch, second_half::lm_internal.batch,
        transformer_parts.model_id, transformer_parts.keep,
        transformer_parts.generation_id, transformer_parts.changes,
        transformer_parts.first_layer, transformer_parts.context_run
    ) AS t
    WHERE c.manner = 'in step'

    UNION ALL

    SELECT t.*
    FROM cut AS c
    CROSS JOIN LATERAL lm_internal.in_slices(
        c.n_before, c.batch, transformer_parts.model_id, transformer_parts.keep,
        transformer_parts.generation_id, transformer_parts.changes,
        transformer_parts.first_layer, transformer_parts.context_run
    ) AS t
    WHERE c.manner = 'slices';
END;

COMMENT ON FUNCTION lm_internal.transformer_parts IS
'lm_internal.transformer of sequences that come in order, in as many processes as are quickest and the server has to spare (max_parallel_workers_per_gather). n_before: how many positions of the batch lie before the rows of x. The numbers are those of one process.';
