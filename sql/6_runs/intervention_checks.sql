-- Why interventions are refused: one at a place that is not there would change nothing, in silence.

CREATE OR REPLACE FUNCTION lm_internal.counted_position(
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

COMMENT ON FUNCTION lm_internal.counted_position IS
'A position counted from the start, where a negative one counts from the end of n_token tokens.';

CREATE OR REPLACE FUNCTION lm_internal.check_interventions(
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
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s is at %s, which model "%s" does not have',
                            i.intervention_id, i.site, i.name
                        ),
                        'SELECT site FROM lm.model_site lists the sites of each model'
                    )
                WHEN i.layer NOT BETWEEN 0 AND i.n_layer - 1
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s is in layer %s of %s',
                            i.intervention_id, i.layer, i.n_layer
                        )
                    )
                WHEN i.head NOT BETWEEN 0 AND i.n_head - 1
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s is in head %s of %s',
                            i.intervention_id, i.head, i.n_head
                        )
                    )
                WHEN i.unit NOT BETWEEN 0 AND i.width - 1
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s is in unit %s of %s',
                            i.intervention_id, i.unit, i.width
                        )
                    )
                WHEN least(i.position, i.key_position) < -i.n_token
                    OR greatest(i.position, i.key_position) > i.last_position
                    THEN lm_internal.fail(
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
                WHEN lm_internal.counted_position(i.key_position, i.n_token)
                    > lm_internal.counted_position(i.position, i.n_token)
                    THEN lm_internal.fail(
                        true,
                        format(
                            'intervention %s cuts no edge: key %s comes after position %s',
                            i.intervention_id, i.key_position, i.position
                        )
                    )
                WHEN vector_dims(i.value) <> i.n_changed
                    THEN lm_internal.fail(
                        true,
                        format(
                            'the value of intervention %s is %s wide, and %s is %s',
                            i.intervention_id,
                            vector_dims(i.value),
                            CASE WHEN i.unit IS NULL THEN i.site::text ELSE 'a unit' END,
                            i.n_changed
                        )
                    )
                WHEN NOT COALESCE(abs(i.factor) <= 1e9, true)
                    THEN lm_internal.fail(
                        true,
                        format(
                            'the factor of intervention %s is %s', i.intervention_id, i.factor
                        ),
                        'a pass computes in single precision: give one from −1e9 to 1e9'
                    )
                WHEN vector_norm(i.value) > 1e9
                    THEN lm_internal.fail(
                        true,
                        format(
                            'the value of intervention %s has the norm %s',
                            i.intervention_id, vector_norm(i.value)
                        ),
                        'a pass computes in single precision: give one of norm 1e9 at most'
                    )
                ELSE true
            END
        )
    FROM intervention AS i;
END;

COMMENT ON FUNCTION lm_internal.check_interventions IS
'Whether every intervention of a set has its place in a model and in each sequence to run. sequence: that of each token; last_position: the last one, where the sequences will grow. Errors, naming the intervention: a site, layer, head, unit or position that is not there; an edge to a later key; a value of another width; a factor or a value so large that a pass would overflow.';
