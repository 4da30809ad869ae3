-- What a run kept, whichever table it lies in, and what is said of a run that did not keep it.

CREATE OR REPLACE VIEW lm.captured WITH (security_invoker = true) AS
SELECT
    a.run_id,
    a.site,
    a.layer,
    a.head,
    a.position,
    a.value
FROM lm.activation AS a

UNION ALL

SELECT
    a.run_id,
    'attn_out'::lm.site,
    a.layer,
    -1 AS head,
    a.position,
    a.adjustment
FROM lm.attention_adjustment AS a;

COMMENT ON VIEW lm.captured IS
'Every captured vector: the rows of lm.activation, and those of lm.attention_adjustment as site attn_out.';
COMMENT ON COLUMN lm.captured.run_id IS 'The run.';
COMMENT ON COLUMN lm.captured.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm.captured.layer IS 'The layer, from 0; 0 for the embeddings and n_layer for ln_final.';
COMMENT ON COLUMN lm.captured.head IS 'The head, from 0; −1 where the site has none.';
COMMENT ON COLUMN lm.captured.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm.captured.value IS 'The vector, as wide as lm.activation.value says.';

CREATE OR REPLACE FUNCTION lm.run_position(
    run_id bigint,
    "position" int DEFAULT -1
)
RETURNS int
LANGUAGE sql
STABLE
RETURN COALESCE(
    (
        SELECT
            CASE
                WHEN run_position.position BETWEEN 0 AND n.n_token - 1 THEN run_position.position
                WHEN run_position.position BETWEEN -n.n_token AND -1
                    THEN run_position.position + n.n_token
                ELSE lm_internal.fail(
                    NULL::int,
                    format(
                        'run %s has positions 0 to %s, not %s',
                        run_position.run_id,
                        n.n_token - 1,
                        COALESCE(run_position.position::text, 'NULL')
                    )
                )
            END
        FROM (
            SELECT cardinality(r.token_ids) AS n_token
            FROM lm.run AS r
            WHERE r.run_id = run_position.run_id
        ) AS n
    ),
    lm_internal.fail(
        NULL::int,
        'there is no run ' || COALESCE(run_position.run_id::text, 'NULL'),
        'SELECT run_id, prompt FROM lm.run lists all runs; lm.forward makes one'
    )
);

COMMENT ON FUNCTION lm.run_position IS
'A position of a run, a negative one counted from the end: −1 is the last. Errors: no such run; no such position.';

CREATE OR REPLACE FUNCTION lm_internal.require_capture(
    run_id bigint,
    sites lm.site[],
    layers int[] DEFAULT NULL,
    positions int[] DEFAULT NULL
)
RETURNS int
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    wanted AS (
        SELECT
            r.run_id,
            r.model_id,
            ARRAY(
                SELECT s.site
                FROM unnest(require_capture.sites) AS s (site)
                WHERE NOT EXISTS (
                    SELECT FROM lm.model_site AS m WHERE m.model_id = r.model_id AND m.site = s.site
                )
            ) AS absent,
            ARRAY(
                SELECT s.site
                FROM unnest(require_capture.sites) AS s (site)
                WHERE s.site <> ALL (r.capture)
            ) AS sites,
            ARRAY(
                SELECT l.layer
                FROM unnest(require_capture.layers) AS l (layer)
                WHERE l.layer <> ALL (r.capture_layers)
            ) AS layers,
            ARRAY(
                SELECT p.position
                FROM unnest(require_capture.positions) AS p (position)
                WHERE p.position <> ALL (r.capture_positions)
                    AND p.position - cardinality(r.token_ids) <> ALL (r.capture_positions)
            ) AS positions
        FROM lm.run AS r
        -- raises an error if there is no such run
        WHERE lm.run_position(require_capture.run_id) IS NOT NULL
            AND r.run_id = require_capture.run_id
    )

    SELECT
        CASE
            WHEN w.sites = '{}' AND w.layers = '{}' AND w.positions = '{}' THEN w.model_id
            WHEN w.absent <> '{}'
                THEN lm_internal.fail(
                    NULL::int,
                    format('model "%s" has no %s', m.name, array_to_string(w.absent, ', ')),
                    format('SELECT site FROM lm.model_site WHERE model_id = %s', m.model_id)
                )
            ELSE lm_internal.fail(
                NULL::int,
                format(
                    'run %s did not capture %s',
                    w.run_id, array_to_string(require_capture.sites, ', ')
                )
                || CASE
                    WHEN w.sites <> '{}' AND w.sites <> require_capture.sites
                        THEN ': ' || array_to_string(w.sites, ', ') || ' is missing'
                    WHEN w.sites <> '{}' THEN ''
                    WHEN w.layers <> '{}' THEN ' in layer ' || array_to_string(w.layers, ', ')
                    ELSE ' at position ' || array_to_string(w.positions[:3], ', ')
                        || CASE WHEN cardinality(w.positions) > 3 THEN ', …' ELSE '' END
                END,
                format(
                    'SELECT lm.forward(token_ids => token_ids, model => %L, capture => %L, '
                    'interventions => interventions) FROM lm.run WHERE run_id = %s',
                    m.name, require_capture.sites, w.run_id
                )
            )
        END
    FROM wanted AS w
    INNER JOIN lm.model AS m ON m.model_id = w.model_id;
END;

COMMENT ON FUNCTION lm_internal.require_capture IS
'Key of the model of a run that captured these sites, in these layers and at these positions (NULL: in whichever it did). Errors: no such run; a site the model does not have; a run that did not capture one, with the command that makes one that does.';

CREATE OR REPLACE FUNCTION lm.vector_at(
    run_id bigint,
    site lm.site,
    layer int DEFAULT 0,
    "position" int DEFAULT -1,
    head int DEFAULT -1
)
RETURNS vector
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    place AS MATERIALIZED (
        SELECT lm.run_position(vector_at.run_id, vector_at.position) AS position
    )

    SELECT
        COALESCE(
            (
                SELECT c.value
                FROM lm.captured AS c
                WHERE c.run_id = vector_at.run_id
                    AND c.site = vector_at.site
                    AND c.layer = vector_at.layer
                    AND c.head = vector_at.head
                    AND c.position = p.position
            ),
            CASE
                WHEN lm_internal.require_capture(
                    vector_at.run_id,
                    ARRAY[vector_at.site],
                    CASE
                        WHEN vector_at.site NOT IN ('embed', 'pos_embed', 'ln_final')
                            THEN ARRAY[vector_at.layer]
                    END,
                    ARRAY[p.position]
                ) IS NOT NULL
                    THEN lm_internal.fail(
                        NULL::vector,
                        format(
                            'run %s has no %s of layer %s and head %s',
                            vector_at.run_id, vector_at.site, vector_at.layer, vector_at.head
                        ),
                        format(
                            'SELECT DISTINCT layer, head FROM lm.captured'
                            ' WHERE run_id = %s AND site = %L',
                            vector_at.run_id, vector_at.site
                        )
                    )
            END
        )
    FROM place AS p;
END;

COMMENT ON FUNCTION lm.vector_at IS
'One captured vector, to compare, search by or steer with; head is −1 where the site has none, position −1 the last. Errors: no such run or position; not captured there.';
