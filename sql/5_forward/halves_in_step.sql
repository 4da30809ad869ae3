-- Two halves of a sequence in two processes, the second a layer behind the first: a position looks
-- back only, so all it needs of the first half are the keys and values of the layer it is in.

DO $$
BEGIN
    CREATE TYPE lm_internal.follower AS (
        ahead lm_internal.layer_matrices,
        resid vector[],
        made lm_internal.part_matrix[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.follower IS 'How far a second half has come behind the first.';
COMMENT ON COLUMN lm_internal.follower.ahead IS
'The layer that the first half has behind it and the second has not; NULL: none.';
COMMENT ON COLUMN lm_internal.follower.resid IS
'The stream of the second half; NULL before its first layer.';
COMMENT ON COLUMN lm_internal.follower.made IS
'What the second half has at the sites of the layer it has just run; NULL: it has not.';

CREATE OR REPLACE FUNCTION lm_internal.follow(
    follower lm_internal.follower,
    ahead lm_internal.layer_matrices,
    first_half lm_internal.batch,
    second_half lm_internal.batch,
    model_id int,
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    first_layer int,
    context_run bigint
)
RETURNS lm_internal.follower
LANGUAGE sql
STABLE
PARALLEL RESTRICTED
BEGIN ATOMIC
    WITH
    layer AS MATERIALIZED (
        SELECT t.*
        FROM lm_internal.transformer(
            follow.model_id,
            (follow.second_half).sequences,
            (follow.second_half).positions,
            (follow.second_half).token_ids,
            follow.keep,
            follow.generation_id,
            follow.changes,
            ((follow.follower).ahead).layer,
            COALESCE((follow.follower).resid, (follow.second_half).resid),
            follow.context_run,
            (follow.second_half).parents,
            ((follow.follower).ahead).layer,
            (
                SELECT
                    (
                        (follow.first_half).sequences, (follow.first_half).positions, k.x, v.x
                    )::lm_internal.key_values
                FROM unnest(((follow.follower).ahead).kept) AS k
                CROSS JOIN unnest(((follow.follower).ahead).kept) AS v
                WHERE k.site = 'rot_k' AND v.site = 'v'
            )
        ) AS t
        WHERE (follow.ahead).layer IS NULL
            AND ((follow.follower).ahead).layer >= follow.first_layer
    )

    SELECT
        CASE
            WHEN (follow.ahead).layer IS NOT NULL
                THEN (follow.ahead, (follow.follower).resid, NULL)::lm_internal.follower
            ELSE (
                NULL,
                (
                    SELECT l.x
                    FROM layer AS l
                    WHERE l.layer = ((follow.follower).ahead).layer AND l.site = 'resid_post'
                ),
                ARRAY(
                    SELECT
                        (
                            cardinality((follow.first_half).sequences), l.layer, l.site, l.x
                        )::lm_internal.part_matrix
                    FROM layer AS l
                )
            )::lm_internal.follower
        END;
END;

COMMENT ON FUNCTION lm_internal.follow(
    lm_internal.follower, lm_internal.layer_matrices, lm_internal.batch, lm_internal.batch, int,
    lm.site[], bigint, lm_internal.change[], int, bigint
) IS
'Takes note of a layer of the first half, or runs the second half through it where ahead is NULL.';

CREATE OR REPLACE AGGREGATE lm_internal.follow(
    lm_internal.layer_matrices, lm_internal.batch, lm_internal.batch, int,
    lm.site[], bigint, lm_internal.change[], int, bigint
) (
    SFUNC = lm_internal.follow,
    STYPE = lm_internal.follower,
    PARALLEL = restricted
);

COMMENT ON AGGREGATE lm_internal.follow(
    lm_internal.layer_matrices, lm_internal.batch, lm_internal.batch, int,
    lm.site[], bigint, lm_internal.change[], int, bigint
) IS
'Runs the second half of a batch layer by layer as the layers of the first half arrive.';

-- A function in a SELECT list gives its rows one by one, and a worker hands each over at once: this
-- process is at a layer of the second half while the worker is at the next one of the first. A
-- worker has room for 64 kB on the way. It holds back the end of a row until a quarter of that has
-- come behind it, and what was read keeps its room until the next row is asked for: hence a row
-- that says go, and padding. It takes a UNION ALL for the planner to send anything to a worker.
CREATE OR REPLACE FUNCTION lm_internal.halves_in_step(
    first_half lm_internal.batch,
    second_half lm_internal.batch,
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
SET parallel_leader_participation = off
SET enable_seqscan = off
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    first AS NOT MATERIALIZED (
        SELECT sent.*
        FROM (
            SELECT
                lm_internal.transformer_layers(
                    halves_in_step.model_id,
                    (halves_in_step.first_half).sequences,
                    (halves_in_step.first_half).positions,
                    (halves_in_step.first_half).token_ids,
                    halves_in_step.keep || '{rot_k,v}'::lm.site[],
                    halves_in_step.generation_id,
                    halves_in_step.changes,
                    halves_in_step.first_layer,
                    (halves_in_step.first_half).resid,
                    halves_in_step.context_run,
                    (halves_in_step.first_half).parents
                ) AS ahead
        ) AS l
        CROSS JOIN LATERAL (
            VALUES (l.ahead, ''), (NULL, ''), (NULL, repeat(' ', 16385))
        ) AS sent (ahead, padding)

        UNION ALL

        SELECT
            lm_internal.transformer_layers(NULL, NULL, NULL, NULL, NULL),
            ''
        WHERE halves_in_step.model_id IS NULL
    ),

    both_halves AS NOT MATERIALIZED (
        SELECT
            f.ahead,
            lm_internal.follow(
                f.ahead,
                halves_in_step.first_half,
                halves_in_step.second_half,
                halves_in_step.model_id,
                halves_in_step.keep,
                halves_in_step.generation_id,
                halves_in_step.changes,
                halves_in_step.first_layer,
                halves_in_step.context_run
            ) FILTER (WHERE f.padding = '') OVER so_far AS follower,
            f.padding
        FROM first AS f
        WINDOW so_far AS (ORDER BY true ROWS UNBOUNDED PRECEDING)
    )

    SELECT m.*
    FROM both_halves AS b
    CROSS JOIN LATERAL (
        SELECT
            0,
            (b.ahead).layer,
            k.site,
            k.x
        FROM unnest((b.ahead).kept) AS k
        WHERE (b.ahead).layer IS NOT NULL

        UNION ALL

        SELECT l.*
        FROM unnest((b.follower).made) AS l
        WHERE b.padding = ''
    ) AS m (n_before, layer, site, x)
    INNER JOIN lm.model AS size ON size.model_id = halves_in_step.model_id
    WHERE m.site = ANY (halves_in_step.keep)
        OR (m.site = 'resid_post' AND m.layer = size.n_layer - 1);
END;

COMMENT ON FUNCTION lm_internal.halves_in_step IS
'lm_internal.transformer of two batches of which the second goes on from the first: that runs in another process where the server has one to spare, and the second follows it layer by layer.';
