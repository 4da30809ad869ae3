-- Interventions, which are rows of lm.intervention, made ready for the forward pass.

CREATE OR REPLACE FUNCTION lm_internal.intervention_vectors(
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
            -- counted from the end, it is counted from the end of either run
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
                lm_internal.counted_position(i.position, cardinality(r.token_ids)), c.position
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

COMMENT ON FUNCTION lm_internal.intervention_vectors IS
'The vectors that replace and mean take from runs, for each layer, head and position that they change.';

CREATE OR REPLACE FUNCTION lm_internal.changes(
    set_name text,
    model_id int,
    sequence int[],
    last_position int DEFAULT NULL
)
RETURNS lm_internal.change[]
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
            AND lm_internal.check_interventions(
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
        LEFT JOIN lm_internal.intervention_vectors(changes.set_name, changes.model_id) AS v
            ON v.intervention_id = i.intervention_id
    ),

    -- each as factor · x + value; a head is a slice of the row, and in attn_scores and pattern a
    -- row of its own; what is counted from the end is another position in each sequence
    affine AS (
        SELECT
            i.intervention_id,
            i.at_position AS position,
            (
                t.sequence,
                i.site,
                i.at_layer,
                CASE WHEN i.n_head > 0 AND i.d_head IS NULL THEN i.at_head END,
                lm_internal.counted_position(i.at_position, t.n_token),
                lm_internal.counted_position(i.key_position, t.n_token),
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
            )::lm_internal.change AS change
        FROM supplied AS i
        LEFT JOIN text AS t ON least(i.at_position, i.key_position) < 0
        WHERE
            CASE
                WHEN i.kind IN ('replace', 'mean') AND i.vector IS NULL
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s finds no %s to take%s',
                            i.intervention_id, i.site, ' from run ' || i.from_run
                        ),
                        format('lm.forward(…, capture => ''{%s}'') keeps it', i.site)
                    )
                -- a row of it is as long as there are keys up to its query
                WHEN i.site = 'pattern'
                    AND vector_dims(i.vector)
                    IS DISTINCT FROM lm_internal.counted_position(i.at_position, t.n_token) + 1
                    AND i.vector IS NOT NULL
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s gives pattern %s weights, and a query has one for '
                            'each key up to its position',
                            i.intervention_id, vector_dims(i.vector)
                        ),
                        'give a position, and a value of one weight more than it'
                    )
                ELSE true
            END
    )

    SELECT
        COALESCE(
            array_agg(a.change ORDER BY a.intervention_id, a.position),
            lm_internal.fail(
                NULL::lm_internal.change[],
                format('there is no set of interventions "%s"', changes.set_name),
                'lm.replace_interventions(set_name, lm.make_intervention(site, kind)) makes one'
            )
        )
    FROM affine AS a
    HAVING changes.set_name IS NOT NULL;
END;

COMMENT ON FUNCTION lm_internal.changes IS
'A set of interventions made ready for a batch: each the affine map it comes to, replace and mean with the vectors of their runs; NULL where no set is named. sequence and last_position are those of lm_internal.check_interventions. Errors: no such set; a run that kept nothing to take; those of lm_internal.check_interventions.';
