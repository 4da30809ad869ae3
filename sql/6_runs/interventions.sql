-- Interventions, which are rows of lm.intervention, made ready for the forward pass.

CREATE OR REPLACE FUNCTION lm.counted_position(
    "position" int,
    n_token int
)
RETURNS int
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN counted_position.position < 0 THEN counted_position.position + counted_position.n_token
    ELSE counted_position.position
END;

COMMENT ON FUNCTION lm.counted_position IS
'A position counted from the start, where a negative one counts from the end of n_token tokens.';

CREATE OR REPLACE FUNCTION lm.check_interventions(
    set_name text,
    model_id int,
    sequence int[],
    last_position int DEFAULT NULL
)
RETURNS boolean
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- the shortest sequence says what positions there are in all
    text AS MATERIALIZED (
        SELECT min(s.n_token) AS n_token
        FROM (
            SELECT count(*)::int AS n_token
            FROM unnest(check_interventions.sequence) AS b (sequence)
            GROUP BY b.sequence
        ) AS s
    ),

    intervention AS (
        SELECT
            i.*,
            m.name,
            m.n_layer,
            s.site IS NOT NULL AS is_site,
            s.n_head,
            s.width,
            CASE
                WHEN i.unit IS NOT NULL THEN 1
                WHEN i.head IS NULL THEN COALESCE(s.n_head, 1) * s.width
                ELSE s.width
            END AS n_changed,
            t.n_token,
            COALESCE(check_interventions.last_position, t.n_token - 1) AS last_position
        FROM text AS t
        CROSS JOIN lm.intervention AS i
        INNER JOIN lm.model AS m ON m.model_id = check_interventions.model_id
        LEFT JOIN lm.model_site AS s ON s.model_id = m.model_id AND s.site = i.site
        WHERE i.set_name = check_interventions.set_name
    )

    SELECT
        bool_and(
            CASE
                WHEN NOT i.is_site
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is at %s, which model "%s" does not have',
                            i.intervention_id, i.site, i.name
                        ),
                        'SELECT site FROM lm.model_site lists the sites of each model'
                    )
                WHEN i.layer NOT BETWEEN 0 AND i.n_layer - 1
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is in layer %s of %s',
                            i.intervention_id, i.layer, i.n_layer
                        )
                    )
                WHEN i.head NOT BETWEEN 0 AND i.n_head - 1
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is in head %s of %s',
                            i.intervention_id, i.head, i.n_head
                        )
                    )
                WHEN i.unit NOT BETWEEN 0 AND i.width - 1
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is in unit %s of %s',
                            i.intervention_id, i.unit, i.width
                        )
                    )
                WHEN least(i.position, i.key_position) < -i.n_token
                    OR greatest(i.position, i.key_position) > i.last_position
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s is at position %s of %s',
                            i.intervention_id,
                            CASE
                                WHEN i.position BETWEEN -i.n_token AND i.last_position
                                    THEN i.key_position
                                ELSE COALESCE(i.position, i.key_position)
                            END,
                            i.last_position + 1
                        ),
                        format(
                            'there are 0 to %s, or from the end −1 to %s',
                            i.last_position, -i.n_token
                        )
                    )
                WHEN lm.counted_position(i.key_position, i.n_token)
                    > lm.counted_position(i.position, i.n_token)
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s cuts no edge: key %s comes after position %s',
                            i.intervention_id, i.key_position, i.position
                        )
                    )
                WHEN vector_dims(i.value) <> i.n_changed
                    THEN lm.fail(
                        true,
                        format(
                            'the value of intervention %s is %s wide, and %s is %s',
                            i.intervention_id,
                            vector_dims(i.value),
                            CASE WHEN i.unit IS NULL THEN i.site::text ELSE 'a unit' END,
                            i.n_changed
                        )
                    )
                ELSE true
            END
        )
    FROM intervention AS i;
END;

COMMENT ON FUNCTION lm.check_interventions IS
'Whether every intervention of a set has its place in a model and in each of the sequences to run, sequence being that of each of their tokens; last_position is the last where they will grow. Errors, naming the intervention: a site, layer, head, unit or position that is not there; an edge to a later key; a value of another width.';

CREATE OR REPLACE FUNCTION lm.intervention_vectors(
    set_name text,
    model_id int
)
RETURNS TABLE (
    intervention_id bigint,
    layer int,
    head int,
    "position" int,
    value vector
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    intervention AS MATERIALIZED (
        SELECT i.*
        FROM lm.intervention AS i
        WHERE i.set_name = intervention_vectors.set_name AND i.kind IN ('replace', 'mean')
    ),

    source AS (
        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            -- one from the end goes as far from the end
            CASE WHEN i.position < 0 THEN i.position ELSE c.position END AS position,
            i.unit,
            c.value
        FROM intervention AS i
        INNER JOIN lm.run AS r ON r.run_id = i.from_run
        INNER JOIN lm.captured AS c
            ON c.run_id = r.run_id
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
            AND c.position = COALESCE(
                lm.counted_position(i.position, cardinality(r.token_ids)), c.position
            )
        WHERE i.kind = 'replace'

        UNION ALL

        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            i.position,
            i.unit,
            avg(c.value)
        FROM intervention AS i
        INNER JOIN lm.run AS r
            ON r.model_id = intervention_vectors.model_id
            AND (r.run_id = i.from_run OR (i.from_run IS NULL AND r.interventions IS NULL))
        INNER JOIN lm.captured AS c
            ON c.run_id = r.run_id
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
        WHERE i.kind = 'mean'
        GROUP BY i.intervention_id, c.layer, c.head, i.position, i.unit
    )

    SELECT
        s.intervention_id,
        s.layer,
        s.head,
        s.position,
        CASE WHEN s.unit IS NULL THEN s.value ELSE subvector(s.value, s.unit + 1, 1) END
    FROM source AS s;
END;

COMMENT ON FUNCTION lm.intervention_vectors IS
'The vectors that replace and mean take from runs, for each layer, head and position that they change.';

CREATE OR REPLACE FUNCTION lm.changes(
    set_name text,
    model_id int,
    sequence int[],
    last_position int DEFAULT NULL
)
RETURNS lm.change[]
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    text AS MATERIALIZED (
        SELECT
            b.sequence,
            count(*)::int AS n_token
        FROM unnest(changes.sequence) AS b (sequence)
        GROUP BY b.sequence
    ),

    intervention AS MATERIALIZED (
        SELECT
            i.*,
            s.n_head,
            -- of one head where it is cut in heads
            CASE WHEN s.n_head > 0 THEN s.width END AS d_head
        FROM lm.intervention AS i
        INNER JOIN lm.model_site AS s
            ON s.model_id = changes.model_id AND s.site = i.site
        WHERE i.set_name = changes.set_name
            AND lm.check_interventions(
                changes.set_name, changes.model_id, changes.sequence, changes.last_position
            )
    ),

    -- each beside the vectors that it takes from runs
    supplied AS (
        SELECT
            i.*,
            COALESCE(v.layer, i.layer) AS at_layer,
            COALESCE(v.head, i.head) AS at_head,
            COALESCE(v.position, i.position) AS at_position,
            COALESCE(v.value, i.value) AS vector
        FROM intervention AS i
        LEFT JOIN lm.intervention_vectors(changes.set_name, changes.model_id) AS v
            ON v.intervention_id = i.intervention_id
    ),

    -- each as factor · x + value; a head is a slice of the row, and in attn_scores and pattern a row
    -- of its own; what is counted from the end is another position in each sequence
    affine AS (
        SELECT
            i.intervention_id,
            i.at_position AS position,
            (
                t.sequence,
                i.site,
                i.at_layer,
                CASE WHEN i.n_head > 0 AND i.d_head IS NULL THEN i.at_head END,
                lm.counted_position(i.at_position, t.n_token),
                lm.counted_position(i.key_position, t.n_token),
                CASE
                    WHEN i.unit IS NULL THEN i.at_head * i.d_head + 1
                    ELSE COALESCE(i.at_head * i.d_head, 0) + i.unit + 1
                END,
                CASE
                    WHEN i.unit IS NOT NULL THEN 1
                    WHEN i.at_head IS NOT NULL THEN i.d_head
                END,
                CASE i.kind WHEN 'scale' THEN i.factor WHEN 'add' THEN 1 ELSE 0 END,
                CASE
                    WHEN i.kind = 'add'
                        THEN i.value * lm.fill(COALESCE(i.factor, 1), vector_dims(i.value))
                    WHEN i.kind IN ('replace', 'mean') THEN i.vector
                END
            )::lm.change AS change
        FROM supplied AS i
        LEFT JOIN text AS t ON least(i.at_position, i.key_position) < 0
        WHERE
            CASE
                WHEN i.kind IN ('replace', 'mean') AND i.vector IS NULL
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s finds no %s to take%s',
                            i.intervention_id, i.site, ' from run ' || i.from_run
                        ),
                        format('lm.forward(…, capture => ''{%s}'') keeps it', i.site)
                    )
                ELSE true
            END
    )

    SELECT
        COALESCE(
            array_agg(a.change ORDER BY a.intervention_id, a.position),
            lm.fail(
                NULL::lm.change[],
                format('there is no set of interventions "%s"', changes.set_name),
                'SELECT lm.replace_interventions(set_name, lm.make_intervention(site, kind)) makes one'
            )
        )
    FROM affine AS a
    HAVING changes.set_name IS NOT NULL;
END;

COMMENT ON FUNCTION lm.changes IS
'A set of interventions made ready for a batch: each the affine map it comes to, replace and mean with the vectors of their runs; NULL where no set is named. sequence and last_position are those of lm.check_interventions. Errors: no such set; a run that kept nothing to take; those of lm.check_interventions.';
