-- Changes: how the forward pass alters a site where an intervention is meant for it.

DO $$
BEGIN
    -- x := factor · x + value, in part of a site; NULL in sequence, layer, head, position: every one
    CREATE TYPE lm_internal.change AS (
        sequence int,
        site lm.site,
        layer int,
        head int,
        "position" int,
        key_position int,
        first int,
        width int,
        factor float8,
        value vector
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.change IS
'An intervention made ready: x := factor · x + value in width columns of a site from column first on (NULL: in all), at the sequence, layer, head and position given (NULL: at each). Of attn_scores, the edge to key_position that is cut.';

COMMENT ON COLUMN lm_internal.change.sequence IS 'The sequence of the batch; NULL: each.';
COMMENT ON COLUMN lm_internal.change.site IS 'The site.';
COMMENT ON COLUMN lm_internal.change.layer IS 'The layer, from 0; NULL: each.';
COMMENT ON COLUMN lm_internal.change.head IS 'Of attn_scores and pattern the head, from 0; NULL: each.';
COMMENT ON COLUMN lm_internal.change.position IS 'The position, from 0; NULL: each.';
COMMENT ON COLUMN lm_internal.change.key_position IS 'Of an edge that is cut the key''s position; NULL: each.';
COMMENT ON COLUMN lm_internal.change.first IS 'The first column that changes, from 1; NULL: all change.';
COMMENT ON COLUMN lm_internal.change.width IS 'How many columns change; NULL: all.';
COMMENT ON COLUMN lm_internal.change.factor IS 'What x is multiplied by.';
COMMENT ON COLUMN lm_internal.change.value IS 'What is added then, [width]; NULL: nothing.';

CREATE OR REPLACE FUNCTION lm_internal.affine_step(
    state vector,
    x vector,
    change lm_internal.change
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    part AS (
        SELECT
            COALESCE(affine_step.state, affine_step.x) AS x,
            COALESCE((affine_step.change).first, 1) - 1 AS before,
            COALESCE((affine_step.change).width, vector_dims(affine_step.x)) AS width,
            vector_dims(affine_step.x) AS total
    )

    -- outside the columns that change, 1 · x + 0
    SELECT
        p.x
        * (
            array_fill(1::float8, ARRAY[p.before])
            || array_fill((affine_step.change).factor, ARRAY[p.width])
            || array_fill(1::float8, ARRAY[p.total - p.before - p.width])
        )::vector
        + (
            array_fill(0::real, ARRAY[p.before])
            || COALESCE((affine_step.change).value::real[], array_fill(0::real, ARRAY[p.width]))
            || array_fill(0::real, ARRAY[p.total - p.before - p.width])
        )::vector
    FROM part AS p;
END;

COMMENT ON FUNCTION lm_internal.affine_step IS
'One change of a vector; state is what the changes before it have made of x, NULL before the first.';

CREATE OR REPLACE AGGREGATE lm_internal.affine(vector, lm_internal.change) (
    SFUNC = lm_internal.affine_step,
    STYPE = vector
);

COMMENT ON AGGREGATE lm_internal.affine(vector, lm_internal.change) IS 'A vector after changes, in the order given.';

CREATE OR REPLACE FUNCTION lm_internal.is_meant_for(
    change lm_internal.change,
    layer int,
    head int,
    sequence int,
    "position" int
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN COALESCE((is_meant_for.change).layer, is_meant_for.layer) = is_meant_for.layer
AND COALESCE((is_meant_for.change).sequence, is_meant_for.sequence) = is_meant_for.sequence
AND COALESCE((is_meant_for.change).position, is_meant_for.position) = is_meant_for.position
AND ((is_meant_for.change).head IS NULL OR (is_meant_for.change).head = is_meant_for.head);

COMMENT ON FUNCTION lm_internal.is_meant_for IS
'Whether a change is meant for a row of its site: what it leaves open (NULL) fits all; head is NULL where the row holds all heads.';

CREATE OR REPLACE FUNCTION lm_internal.change_row(
    x vector,
    changes lm_internal.change[],
    site lm.site,
    layer int,
    head int,
    sequence int,
    "position" int
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT COALESCE(lm_internal.affine(change_row.x, c.change ORDER BY c.ordinal), change_row.x)
    FROM (
        SELECT
            change_row.changes[i] AS change,
            i AS ordinal
        FROM generate_subscripts(change_row.changes, 1) AS i
        OFFSET 0
    ) AS c
    WHERE (c.change).site = change_row.site
        AND lm_internal.is_meant_for(
            c.change, change_row.layer, change_row.head, change_row.sequence, change_row.position
        );
END;

COMMENT ON FUNCTION lm_internal.change_row IS
'A row of a site after the changes that are meant for it; head is NULL where the row holds all heads.';

CREATE OR REPLACE FUNCTION lm_internal.change_rows(
    x vector[],
    changes lm_internal.change[],
    site lm.site,
    layer int,
    sequences int[],
    positions int[]
)
RETURNS vector[]
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        array_agg(
            lm_internal.change_row(
                r.x, change_rows.changes, change_rows.site, change_rows.layer, NULL,
                r.sequence, r.position
            )
            ORDER BY r.row
        )
    FROM unnest(change_rows.x, change_rows.sequences, change_rows.positions)
        WITH ORDINALITY AS r (x, sequence, position, row);
END;

COMMENT ON FUNCTION lm_internal.change_rows IS 'A matrix after the changes that are meant for its rows.';

CREATE OR REPLACE FUNCTION lm_internal.has_change(
    changes lm_internal.change[],
    site lm.site,
    layer int
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN EXISTS (
    SELECT
    FROM unnest(has_change.changes) AS c
    WHERE c.site = has_change.site AND COALESCE(c.layer, has_change.layer) = has_change.layer
);

COMMENT ON FUNCTION lm_internal.has_change IS 'Whether a change is meant for a site in a layer; false where there are no changes (NULL).';

CREATE OR REPLACE FUNCTION lm_internal.knock_out(
    scores vector,
    changes lm_internal.change[],
    layer int,
    head int,
    sequence int,
    "position" int,
    first_key int
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        array_agg(
            CASE
                WHEN EXISTS (
                    SELECT
                    FROM unnest(knock_out.changes) AS c
                    WHERE c.site = 'attn_scores'
                        AND lm_internal.is_meant_for(
                            c::lm_internal.change,
                            knock_out.layer, knock_out.head, knock_out.sequence, knock_out.position
                        )
                        AND COALESCE(c.key_position = knock_out.first_key + s.key - 1, true)
                )
                    -- a vector holds no −∞; this is as far below every score
                    THEN -1e38
                ELSE s.score
            END
            ORDER BY s.key
        )::vector
    FROM unnest(knock_out.scores::real[]) WITH ORDINALITY AS s (score, key);
END;

COMMENT ON FUNCTION lm_internal.knock_out IS
'The attention scores of a query for the keys from first_key on. Edges that are cut have −1e38, so that their weight is 0.';
