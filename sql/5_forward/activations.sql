-- A pass over several sequences, and its rows as they are stored. Sequences know nothing of one
-- another, so two processes may share them.

CREATE OR REPLACE FUNCTION lm_internal.first_half(
    sequence int[],
    parent int[] DEFAULT NULL
)
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    -- of the rows that end a sequence the one nearest to the middle; the very last if it is alone
    SELECT e.last_row
    FROM (
        SELECT max(b.row)::int AS last_row
        FROM unnest(first_half.sequence, first_half.parent)
            WITH ORDINALITY AS b (sequence, parent, row)
        GROUP BY COALESCE(b.parent, b.sequence)
    ) AS e
    ORDER BY
        e.last_row = cardinality(first_half.sequence),
        abs(2 * e.last_row - cardinality(first_half.sequence)),
        e.last_row
    LIMIT 1;
END;

COMMENT ON FUNCTION lm_internal.first_half IS
'How many positions of a batch, in order of sequence, make up its first half. Sequences are not cut, nor parted from what goes on from them: of a single one it is all.';

-- The planner gives the branches of a UNION ALL to parallel workers only where it thinks them
-- costly and a worker cheap: hence the costs. Where no worker is free, one process does both.
CREATE OR REPLACE FUNCTION lm_internal.transformer_halves(
    n_first int,
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
RETURNS TABLE (
    n_before int,
    layer int,
    site lm.site,
    x vector[]
)
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
        transformer_halves.model_id,
        transformer_halves.sequence[:transformer_halves.n_first],
        transformer_halves.position[:transformer_halves.n_first],
        transformer_halves.token_id[:transformer_halves.n_first],
        transformer_halves.keep,
        transformer_halves.generation_id,
        transformer_halves.changes,
        transformer_halves.first_layer,
        transformer_halves.resid[:transformer_halves.n_first],
        transformer_halves.context_run,
        transformer_halves.parent[:transformer_halves.n_first]
    ) AS t

    UNION ALL

    SELECT
        transformer_halves.n_first,
        t.*
    FROM lm_internal.transformer(
        transformer_halves.model_id,
        transformer_halves.sequence[transformer_halves.n_first + 1:],
        transformer_halves.position[transformer_halves.n_first + 1:],
        transformer_halves.token_id[transformer_halves.n_first + 1:],
        transformer_halves.keep,
        transformer_halves.generation_id,
        transformer_halves.changes,
        transformer_halves.first_layer,
        transformer_halves.resid[transformer_halves.n_first + 1:],
        transformer_halves.context_run,
        transformer_halves.parent[transformer_halves.n_first + 1:]
    ) AS t
    WHERE cardinality(transformer_halves.sequence) > transformer_halves.n_first;
END;

COMMENT ON FUNCTION lm_internal.transformer_halves IS
'lm_internal.transformer of sequences that come in order, those behind the first n_first positions in another process where the server has one to spare (max_parallel_workers_per_gather at its default of 2, or above). lm_internal.first_half says where to cut. n_before: how many positions of the batch lie before the rows of x.';

CREATE OR REPLACE FUNCTION lm_internal.transformer_many(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    changes lm_internal.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    sequence int,
    "position" int,
    site lm.site,
    head int,
    value vector
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        t.layer,
        transformer_many.sequence[t.n_before + v.row],
        transformer_many.position[t.n_before + v.row],
        t.site,
        v.head,
        v.value
    FROM lm_internal.transformer_halves(
        lm_internal.first_half(transformer_many.sequence),
        transformer_many.model_id,
        transformer_many.sequence,
        transformer_many.position,
        transformer_many.token_id,
        transformer_many.keep,
        changes => transformer_many.changes,
        first_layer => transformer_many.first_layer,
        resid => transformer_many.resid,
        context_run => transformer_many.context_run
    ) AS t
    INNER JOIN lm.model_site AS s ON s.model_id = transformer_many.model_id AND s.site = t.site
    CROSS JOIN LATERAL (
        -- one vector a position
        SELECT
            x.number AS row,
            -1 AS head,
            x.value
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        WHERE s.n_head IS NULL

        UNION ALL

        -- one for all heads, end to end
        SELECT
            x.number,
            h.head,
            subvector(x.value, h.head * s.width + 1, s.width)
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        CROSS JOIN generate_series(0, s.n_head - 1) AS h (head)
        WHERE s.width > 0 AND s.n_head > 0

        UNION ALL

        -- one for each head
        SELECT
            (x.number - 1) / s.n_head + 1,
            ((x.number - 1) % s.n_head)::int,
            x.value
        FROM unnest(t.x) WITH ORDINALITY AS x (value, number)
        WHERE s.width IS NULL
    ) AS v;
END;

COMMENT ON FUNCTION lm_internal.transformer_many IS
'lm_internal.transformer_halves in the shape in which activations are stored: a row for each layer, position, site and head (−1 where the site has none); the embeddings are in layer first_layer − 1.';
