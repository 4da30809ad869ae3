-- A pass, in two processes where that is quicker.

CREATE OR REPLACE FUNCTION lm_internal.transformer_halves(
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
RETURNS SETOF lm_internal.half_matrix
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    half AS MATERIALIZED (
        SELECT
            c.is_between,
            (
                transformer_halves.sequence[:c.n_first],
                transformer_halves.position[:c.n_first],
                transformer_halves.token_id[:c.n_first],
                transformer_halves.parent[:c.n_first],
                transformer_halves.resid[:c.n_first]
            )::lm_internal.batch AS first_half,
            (
                transformer_halves.sequence[c.n_first + 1:],
                transformer_halves.position[c.n_first + 1:],
                transformer_halves.token_id[c.n_first + 1:],
                transformer_halves.parent[c.n_first + 1:],
                transformer_halves.resid[c.n_first + 1:]
            )::lm_internal.batch AS second_half
        FROM lm_internal.cut(
            transformer_halves.model_id,
            transformer_halves.sequence,
            transformer_halves.position,
            transformer_halves.parent
        ) AS c
    )

    SELECT
        0,
        t.*
    FROM lm_internal.transformer(
        transformer_halves.model_id,
        transformer_halves.sequence,
        transformer_halves.position,
        transformer_halves.token_id,
        transformer_halves.keep,
        transformer_halves.generation_id,
        transformer_halves.changes,
        transformer_halves.first_layer,
        transformer_halves.resid,
        transformer_halves.context_run,
        transformer_halves.parent
    ) AS t
    WHERE NOT EXISTS (SELECT FROM half)

    UNION ALL

    SELECT t.*
    FROM half AS h
    CROSS JOIN LATERAL lm_internal.halves_apart(
        h.first_half, h.second_half, transformer_halves.model_id, transformer_halves.keep,
        transformer_halves.generation_id, transformer_halves.changes,
        transformer_halves.first_layer, transformer_halves.context_run
    ) AS t
    WHERE h.is_between

    UNION ALL

    SELECT t.*
    FROM half AS h
    CROSS JOIN LATERAL lm_internal.halves_in_step(
        h.first_half, h.second_half, transformer_halves.model_id, transformer_halves.keep,
        transformer_halves.generation_id, transformer_halves.changes,
        transformer_halves.first_layer, transformer_halves.context_run
    ) AS t
    WHERE NOT h.is_between;
END;

COMMENT ON FUNCTION lm_internal.transformer_halves IS
'lm_internal.transformer of sequences that come in order, in two processes where that is quicker and the server has one to spare (max_parallel_workers_per_gather at its default of 2, or above). n_before: how many positions of the batch lie before the rows of x. The numbers are those of one process.';
