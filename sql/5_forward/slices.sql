-- Slices of the positions of a batch, each in a process of its own. A layer is cut where its keys
-- and values are made: up to there no position looks at another. Workers can say nothing to each
-- other, so those of a layer hand over what they have, and others start with all of it.

DO $$
BEGIN
    CREATE TYPE lm_internal.slice AS (
        number int,
        resid vector[],
        q vector[],
        k vector[],
        v vector[],
        kept lm_internal.part_matrix[]
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.slice IS 'What a slice hands over to the next layer.';
COMMENT ON COLUMN lm_internal.slice.number IS 'Which slice, from 1.';
COMMENT ON COLUMN lm_internal.slice.resid IS 'The residual stream that enters the next layer.';
COMMENT ON COLUMN lm_internal.slice.q IS 'Its queries there, rotated; NULL behind the last layer.';
COMMENT ON COLUMN lm_internal.slice.k IS 'Its keys there, rotated.';
COMMENT ON COLUMN lm_internal.slice.v IS 'Its values there.';
COMMENT ON COLUMN lm_internal.slice.kept IS 'The sites to keep, of either layer.';

CREATE OR REPLACE FUNCTION lm_internal.slice_of_layer(
    number int,
    n_before int[],
    layer int,
    before lm_internal.slice,
    batch lm_internal.batch,
    model_id int,
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    first_layer int,
    context_run bigint
)
RETURNS lm_internal.slice
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH
    -- its rows, and the keys and values of the rows before it
    own AS MATERIALIZED (
        SELECT
            part.*,
            (slice_of_layer.before).resid[c.first:c.last] AS stream,
            (slice_of_layer.before).q[c.first:c.last] AS q,
            (slice_of_layer.before).k[c.first:c.last] AS k,
            (slice_of_layer.before).v[c.first:c.last] AS v,
            c.first - 1 AS n_before,
            (
                (slice_of_layer.batch).sequences[:c.first - 1],
                (slice_of_layer.batch).positions[:c.first - 1],
                (slice_of_layer.before).k[:c.first - 1],
                (slice_of_layer.before).v[:c.first - 1]
            )::lm_internal.key_values AS others
        FROM (
            SELECT
                slice_of_layer.n_before[slice_of_layer.number] + 1 AS first,
                COALESCE(
                    slice_of_layer.n_before[slice_of_layer.number + 1],
                    cardinality((slice_of_layer.batch).sequences)
                ) AS last
        ) AS c
        CROSS JOIN LATERAL lm_internal.part_of(slice_of_layer.batch, c.first, c.last) AS part
    ),

    place AS MATERIALIZED (
        SELECT p.*
        FROM own
        CROSS JOIN LATERAL lm_internal.places(
            slice_of_layer.model_id, own.sequences, own.positions, slice_of_layer.keep,
            slice_of_layer.generation_id, slice_of_layer.changes, slice_of_layer.context_run,
            own.parents, NULL, own.others
        ) AS p
        WHERE p.layer BETWEEN slice_of_layer.layer AND slice_of_layer.layer + 1
    )

    SELECT
        (
            slice_of_layer.number,
            COALESCE(above.resid_pre, done.resid_post),
            above.rot_q,
            above.rot_k,
            above.v,
            lm_internal.as_part(own.n_before, slice_of_layer.layer, done.kept)
            || lm_internal.as_part(own.n_before, slice_of_layer.layer + 1, above.kept)
        )::lm_internal.slice
    FROM own

    -- the rest of this layer
    LEFT JOIN LATERAL (
        SELECT o.*
        FROM place AS p
        CROSS JOIN LATERAL lm_internal.attention_and_mlp(
            own.stream, own.q, own.k, own.v, p.here
        ) AS o
        WHERE p.layer = slice_of_layer.layer AND p.layer >= slice_of_layer.first_layer
        OFFSET 0
    ) AS done ON true

    -- queries, keys and values of the next
    LEFT JOIN LATERAL (
        SELECT i.*
        FROM place AS p
        LEFT JOIN LATERAL lm_internal.rotations(slice_of_layer.model_id, own.positions) AS r
            ON r.rotary = p.rotary
        CROSS JOIN LATERAL lm_internal.attention_inputs(
            COALESCE(done.resid_post, own.stream), r.cosines, r.sines, r.d_rotary, p.here
        ) AS i
        WHERE p.layer = slice_of_layer.layer + 1
        OFFSET 0
    ) AS above ON true;
END;

COMMENT ON FUNCTION lm_internal.slice_of_layer IS
'A slice of a batch from the keys and values of a layer, in before, to those of the next. Below first_layer there is nothing to do but those of the next; behind the last layer there are none.';

CREATE OR REPLACE FUNCTION lm_internal.slices_of_layer(
    n_before int[],
    layer int,
    before lm_internal.slice,
    batch lm_internal.batch,
    model_id int,
    keep lm.site[],
    generation_id bigint,
    changes lm_internal.change[],
    first_layer int,
    context_run bigint
)
RETURNS TABLE (
    resid vector[],
    q vector[],
    k vector[],
    v vector[],
    kept lm_internal.part_matrix[]
)
LANGUAGE sql
STABLE
ROWS 1
SET plan_cache_mode = force_generic_plan
SET parallel_setup_cost = 0
SET parallel_tuple_cost = 0
SET min_parallel_table_scan_size = 0
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    SELECT
        lm_internal.joined(s.resid ORDER BY s.number),
        lm_internal.joined(s.q ORDER BY s.number),
        lm_internal.joined(s.k ORDER BY s.number),
        lm_internal.joined(s.v ORDER BY s.number),
        lm_internal.joined(s.kept ORDER BY s.number)
    FROM (
        SELECT (made.slice).*
        FROM (
            SELECT
                lm_internal.slice_of_layer(
                    p.number,
                    slices_of_layer.n_before,
                    slices_of_layer.layer,
                    slices_of_layer.before,
                    slices_of_layer.batch,
                    slices_of_layer.model_id,
                    slices_of_layer.keep,
                    slices_of_layer.generation_id,
                    slices_of_layer.changes,
                    slices_of_layer.first_layer,
                    slices_of_layer.context_run
                ) AS slice
            FROM lm_internal.process AS p
            WHERE p.number <= cardinality(slices_of_layer.n_before)
            OFFSET 0
        ) AS made
        OFFSET 0
    ) AS s;
END;

COMMENT ON FUNCTION lm_internal.slices_of_layer IS
'lm_internal.slice_of_layer of every slice, side by side, and what they hand over joined: [position, …]. Returns one row.';

CREATE OR REPLACE FUNCTION lm_internal.in_slices(
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
SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE
    stage AS (
        SELECT
            in_slices.first_layer - 2 AS layer,
            (
                NULL, COALESCE((in_slices.batch).resid, e.resid), NULL, NULL, NULL, NULL
            )::lm_internal.slice AS before,
            lm_internal.as_part(0, in_slices.first_layer - 1, e.kept) AS kept
        FROM lm_internal.places(
            in_slices.model_id, (in_slices.batch).sequences, (in_slices.batch).positions,
            in_slices.keep, in_slices.generation_id, in_slices.changes, in_slices.context_run,
            (in_slices.batch).parents, NULL, NULL
        ) AS p
        CROSS JOIN LATERAL lm_internal.embed_tokens(
            CASE WHEN (in_slices.batch).resid IS NULL THEN (in_slices.batch).token_ids END, p.here
        ) AS e
        WHERE p.layer = 0

        UNION ALL

        SELECT
            s.layer + 1,
            (NULL, l.resid, l.q, l.k, l.v, NULL)::lm_internal.slice,
            l.kept
        FROM stage AS s
        INNER JOIN lm.model AS m ON m.model_id = in_slices.model_id AND s.layer < m.n_layer - 1
        CROSS JOIN LATERAL lm_internal.slices_of_layer(
            in_slices.n_before, s.layer + 1, s.before, in_slices.batch, in_slices.model_id,
            in_slices.keep, in_slices.generation_id, in_slices.changes, in_slices.first_layer,
            in_slices.context_run
        ) AS l
    )

    SELECT k.*
    FROM stage AS s
    CROSS JOIN unnest(s.kept) AS k;
END;

COMMENT ON FUNCTION lm_internal.in_slices IS
'lm_internal.transformer of a batch in slices, layer by layer, each in a process of its own where the server has one to spare. n_before: how many rows lie before each slice.';
