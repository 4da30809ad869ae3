-- What a batch attends to: keys or values that are cached, those of a run that is continued, those
-- that another process computed, those of the sequence that another goes on from, each one's own.

CREATE OR REPLACE FUNCTION lm_internal.rows_before(
    before lm_internal.key_values,
    site lm.site
)
RETURNS TABLE (
    sequence int,
    "position" int,
    x vector
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.*
    FROM unnest(
        (rows_before.before).sequences,
        (rows_before.before).positions,
        CASE
            WHEN rows_before.site = 'k' THEN (rows_before.before).keys
            ELSE (rows_before.before).values
        END
    ) AS b;
END;

COMMENT ON FUNCTION lm_internal.rows_before IS
'The keys (site k) or values (site v) of rows that were computed in another process.';

-- The cache is read by itself: so it comes in the order of its index and is not sorted. All that
-- is before a sequence has an earlier position than all that is in the batch.
CREATE OR REPLACE FUNCTION lm_internal.context(
    site lm.site,
    own vector[],
    x vector[],
    sequence int,
    parent int,
    first_position int,
    here lm_internal.here
)
RETURNS TABLE (
    first_key int,
    x vector[]
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        COALESCE(cached.first_key, other.first_key, context.first_position),
        cached.x || other.x || context.own
    FROM (
        SELECT
            min(c.position) AS first_key,
            array_agg(
                CASE WHEN context.site = 'k' THEN c.key ELSE c.value END ORDER BY c.position
            ) AS x
        FROM lm.attention_cache AS c
        WHERE c.generation_id = (context.here).generation_id
            AND c.layer = (context.here).layer
            AND c.sequence = context.sequence
            -- no query sees further back than its window
            AND c.position > COALESCE(context.first_position - (context.here).sliding_window, -1)
    ) AS cached
    CROSS JOIN (
        SELECT
            min(b.position) AS first_key,
            array_agg(b.x ORDER BY b.position) AS x
        FROM (
            SELECT
                a.position,
                lm.concat(COALESCE(a.value, a.value_half::vector) ORDER BY a.head) AS x
            -- not the view: if every pass held it, it could not be replaced while models run
            FROM lm.stored_activation AS a
            WHERE (context.here).context_run IS NOT NULL
                AND a.run_id = (context.here).context_run
                AND a.layer = (context.here).layer
                AND a.site = CASE
                    WHEN context.site = 'k'
                        THEN (SELECT lm_internal.key_site((context.here).model_id))
                    ELSE context.site
                END
                -- the run has positions of the batch too, as they were before they changed
                AND a.position < least(
                    context.first_position,
                    (
                        SELECT min(b.position)
                        FROM lm_internal.rows_before((context.here).before, 'k') AS b
                        WHERE b.sequence = context.sequence
                    )
                )
                AND a.position > COALESCE(
                    context.first_position - (context.here).sliding_window, -1
                )
            GROUP BY a.position

            UNION ALL

            SELECT
                b.position,
                b.x
            FROM lm_internal.rows_before((context.here).before, context.site) AS b
            WHERE b.sequence = context.sequence
                AND b.position > COALESCE(
                    context.first_position - (context.here).sliding_window, -1
                )

            UNION ALL

            SELECT
                b.position,
                b.x
            FROM lm_internal.rows_before((context.here).before, context.site) AS b
            WHERE b.sequence = context.parent AND b.position < context.first_position

            UNION ALL

            SELECT
                b.position,
                b.x
            FROM unnest(context.x, (context.here).sequences, (context.here).positions)
                AS b (x, sequence, position)
            WHERE context.parent IS NOT NULL
                AND b.sequence = context.parent
                AND b.position < context.first_position
        ) AS b
    ) AS other;
END;

COMMENT ON FUNCTION lm_internal.context IS
'The keys (site k, rotated) or values (site v) that the queries of a sequence can see, a vector for each position from first_key on, all heads end to end: those of its generation''s cache, of the run it continues (rounded where that run is stored in float16), of rows computed in another process, of its parent in x, which is the whole batch, before first_position; and its own. Returns one row.';
