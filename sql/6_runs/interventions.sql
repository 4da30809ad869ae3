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
            m.n_layer,
            m.n_head,
            m.d_model / m.n_head AS d_head,
            CASE
                WHEN i.site IN ('mlp_pre', 'mlp_post') THEN m.d_mlp
                WHEN i.site IN ('q', 'k', 'v', 'z') AND i.head IS NOT NULL THEN m.d_model / m.n_head
                WHEN i.site <> 'pattern' THEN m.d_model
            END AS width
        FROM lm.intervention AS i
        INNER JOIN lm.model AS m ON m.model_id = changes.model_id
        WHERE i.set_name = changes.set_name
    ),

    checked AS MATERIALIZED (
        SELECT
            i.*,
            CASE
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

    -- each as factor · x + value; what is named by its head is a slice of q, k, v and z, and a row
    -- of its own in attn_scores and pattern
    affine AS (
        SELECT
            i.intervention_id,
            COALESCE(s.position, i.position) AS position,
            (
                NULL,
                i.site,
                COALESCE(s.layer, i.layer),
                CASE WHEN i.site IN ('attn_scores', 'pattern') THEN COALESCE(s.head, i.head) END,
                COALESCE(s.position, i.position),
                i.key_position,
                CASE
                    WHEN i.site IN ('q', 'k', 'v', 'z') THEN COALESCE(s.head, i.head) * i.d_head + 1
                END,
                CASE
                    WHEN i.site IN ('q', 'k', 'v', 'z') AND COALESCE(s.head, i.head) IS NOT NULL
                        THEN i.d_head
                END,
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
