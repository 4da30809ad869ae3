-- Interventions, which are rows of lm.intervention, made ready for the forward pass.

CREATE OR REPLACE FUNCTION lm.changes(
    set_name text,
    model_id int
)
RETURNS lm.change[]
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    intervention AS MATERIALIZED (
        SELECT
            i.*,
            m.name,
            m.n_layer,
            s.site IS NOT NULL AS is_site,
            s.n_head,
            -- of one head where it is cut in heads
            CASE WHEN s.n_head > 0 THEN s.width END AS d_head,
            CASE WHEN i.head IS NULL THEN COALESCE(s.n_head, 1) ELSE 1 END * s.width AS width
        FROM lm.intervention AS i
        INNER JOIN lm.model AS m ON m.model_id = changes.model_id
        LEFT JOIN lm.model_site AS s ON s.model_id = m.model_id AND s.site = i.site
        WHERE i.set_name = changes.set_name
    ),

    checked AS MATERIALIZED (
        SELECT
            i.*,
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
                WHEN vector_dims(i.value) <> i.width
                    THEN lm.fail(
                        true,
                        format(
                            'the value of intervention %s is %s wide, and %s is %s',
                            i.intervention_id, vector_dims(i.value), i.site, i.width
                        )
                    )
                ELSE true
            END AS sound
        FROM intervention AS i
    ),

    -- the vectors that replace and mean take from runs
    source AS MATERIALIZED (
        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            c.position,
            c.value
        FROM checked AS i
        INNER JOIN lm.captured AS c
            ON c.run_id = i.from_run
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
            AND c.position = COALESCE(i.position, c.position)
        WHERE i.kind = 'replace' AND i.sound

        UNION ALL

        SELECT
            i.intervention_id,
            c.layer,
            c.head,
            i.position,
            avg(c.value)
        FROM checked AS i
        INNER JOIN lm.run AS r
            ON r.model_id = changes.model_id AND r.run_id = COALESCE(i.from_run, r.run_id)
        INNER JOIN lm.captured AS c
            ON c.run_id = r.run_id
            AND c.site = i.site
            AND c.layer = COALESCE(i.layer, c.layer)
            AND c.head = COALESCE(i.head, c.head)
        WHERE i.kind = 'mean' AND i.sound
        GROUP BY i.intervention_id, c.layer, c.head, i.position
    ),

    -- each as factor · x + value; a head is a slice of the row, and in attn_scores and pattern a row
    -- of its own
    affine AS (
        SELECT
            i.intervention_id,
            COALESCE(s.position, i.position) AS position,
            (
                NULL,
                i.site,
                COALESCE(s.layer, i.layer),
                CASE WHEN i.n_head > 0 AND i.d_head IS NULL THEN COALESCE(s.head, i.head) END,
                COALESCE(s.position, i.position),
                i.key_position,
                COALESCE(s.head, i.head) * i.d_head + 1,
                CASE WHEN COALESCE(s.head, i.head) IS NOT NULL THEN i.d_head END,
                CASE i.kind WHEN 'scale' THEN i.factor WHEN 'add' THEN 1 ELSE 0 END,
                CASE
                    WHEN i.kind = 'add'
                        THEN i.value * lm.fill(COALESCE(i.factor, 1), vector_dims(i.value))
                    WHEN i.kind IN ('replace', 'mean') THEN COALESCE(s.value, i.value)
                END
            )::lm.change AS change
        FROM checked AS i
        LEFT JOIN source AS s ON s.intervention_id = i.intervention_id
        WHERE
            CASE
                WHEN i.sound
                    AND i.kind IN ('replace', 'mean')
                    AND i.value IS NULL
                    AND s.value IS NULL
                    THEN lm.fail(
                        true,
                        format(
                            'intervention %s finds no %s to take%s',
                            i.intervention_id, i.site, ' from run ' || i.from_run
                        ),
                        format('lm.forward(…, capture => ''{%s}'') keeps it', i.site)
                    )
                ELSE i.sound
            END
    )

    SELECT
        COALESCE(
            array_agg(a.change ORDER BY a.intervention_id, a.position),
            lm.fail(
                NULL::lm.change[],
                format('there is no set of interventions "%s"', changes.set_name),
                'INSERT INTO lm.intervention (set_name, site, layer, kind) makes one'
            )
        )
    FROM affine AS a
    HAVING changes.set_name IS NOT NULL;
END;

COMMENT ON FUNCTION lm.changes IS
'A set of interventions made ready for a model: each the affine map it comes to, replace and mean with the vectors of their runs; NULL where no set is named. Errors: no such set; a layer or head the model has not; a value of another width; a run that kept nothing to take.';
