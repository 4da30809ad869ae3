-- What a batch attends to: keys and values that are cached, those of a run that is continued, those
-- that another process computed, those of the sequence that another goes on from, each one's own.

CREATE OR REPLACE FUNCTION lm_internal.rows_before(
    before lm_internal.key_values
)
RETURNS TABLE (
    key vector,
    value vector,
    sequence int,
    "position" int
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.*
    FROM unnest(
        (rows_before.before).keys,
        (rows_before.before).values,
        (rows_before.before).sequences,
        (rows_before.before).positions
    ) AS b;
END;

COMMENT ON FUNCTION lm_internal.rows_before IS
'The keys and values of rows that were computed in another process, a row for each.';

CREATE OR REPLACE FUNCTION lm_internal.known_keys(
    here lm_internal.here
)
RETURNS TABLE (
    sequence int,
    "position" int,
    key vector,
    value vector
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- no query of the sequence sees further back than its window, and nothing after the batch
    start AS MATERIALIZED (
        SELECT
            b.sequence,
            min(b.position) AS first_position,
            min(b.position) - (known_keys.here).sliding_window AS out_of_sight
        FROM unnest((known_keys.here).sequences, (known_keys.here).positions)
            AS b (sequence, position)
        GROUP BY b.sequence
    )

    SELECT
        c.sequence,
        c.position,
        c.key,
        c.value
    FROM start AS s
    -- fenced: else the planner reads the cache of every layer in each of them
    CROSS JOIN LATERAL (
        SELECT c.*
        FROM lm.attention_cache AS c
        WHERE c.generation_id = (known_keys.here).generation_id
            AND c.layer = (known_keys.here).layer
            AND c.sequence = s.sequence
            AND c.position > COALESCE(s.out_of_sight, -1)
        OFFSET 0
    ) AS c

    UNION ALL

    SELECT
        s.sequence,
        a.position,
        lm.concat(COALESCE(a.value, a.value_half::vector) ORDER BY a.head)
            FILTER (WHERE a.site <> 'v'),
        lm.concat(COALESCE(a.value, a.value_half::vector) ORDER BY a.head)
            FILTER (WHERE a.site = 'v')
    FROM start AS s
    -- not the view: if every pass held it, it could not be replaced while models run
    INNER JOIN lm.stored_activation AS a
        ON a.run_id = (known_keys.here).context_run
        AND a.site IN (
            (SELECT lm_internal.key_site((known_keys.here).model_id)), 'v'
        )
        AND a.layer = (known_keys.here).layer
        AND a.position < s.first_position
        AND a.position > COALESCE(s.out_of_sight, -1)
    GROUP BY s.sequence, a.position

    UNION ALL

    SELECT
        b.sequence,
        b.position,
        b.key,
        b.value
    FROM start AS s
    INNER JOIN lm_internal.rows_before((known_keys.here).before) AS b ON b.sequence = s.sequence
    WHERE b.position > COALESCE(s.out_of_sight, -1);
END;

COMMENT ON FUNCTION lm_internal.known_keys IS
'Keys, rotated, and values of the positions before a batch, of all heads end to end: those of its generation''s cache, of the run it continues (rounded where that run is stored in float16), of rows computed in another process.';

CREATE OR REPLACE FUNCTION lm_internal.context(
    q vector[],
    k vector[],
    v vector[],
    here lm_internal.here
)
RETURNS TABLE (
    sequence int,
    first_key int,
    keys vector[],
    "values" vector[],
    queries vector[],
    rows bigint[],
    positions int[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        c.sequence,
        min(c.position),
        array_agg(c.key ORDER BY c.position),
        array_agg(c.value ORDER BY c.position),
        array_agg(c.query ORDER BY c.position) FILTER (WHERE c.row > 0),
        array_agg(c.row ORDER BY c.position) FILTER (WHERE c.row > 0),
        array_agg(c.position ORDER BY c.position) FILTER (WHERE c.row > 0)
    FROM (
        SELECT
            known.sequence,
            known.position,
            known.key,
            known.value,
            NULL::vector AS query,
            NULL::bigint AS row
        FROM lm_internal.known_keys(context.here) AS known

        UNION ALL

        SELECT
            branch.sequence,
            b.position,
            b.key,
            b.value,
            NULL,
            NULL
        FROM (
            SELECT
                c.sequence,
                c.parent,
                min(c.position) AS first_position
            FROM unnest(
                (context.here).sequences, (context.here).positions, (context.here).parents
            ) AS c (sequence, position, parent)
            WHERE c.parent IS NOT NULL
            GROUP BY c.sequence, c.parent
        ) AS branch
        INNER JOIN (
            SELECT b.*
            FROM unnest(
                context.k, context.v, (context.here).sequences, (context.here).positions
            ) AS b (key, value, sequence, position)

            UNION ALL

            SELECT b.*
            FROM lm_internal.rows_before((context.here).before) AS b
        ) AS b ON b.sequence = branch.parent AND b.position < branch.first_position

        UNION ALL

        SELECT
            b.sequence,
            b.position,
            b.k,
            b.v,
            b.q,
            b.row
        FROM unnest(
            context.k, context.v, context.q, (context.here).sequences, (context.here).positions
        ) WITH ORDINALITY AS b (k, v, q, sequence, position, row)
    ) AS c
    GROUP BY c.sequence;
END;

COMMENT ON FUNCTION lm_internal.context IS
'For each sequence its keys and values in order of position, from first_key on, and its queries, each with its row in the batch.';
