-- What of a run is kept: the sites, layers and positions that are asked for.

CREATE OR REPLACE FUNCTION lm_internal.capture_sites(
    capture text[],
    model_id int
)
RETURNS lm.site[]
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    model AS (
        SELECT
            array_agg(s.site ORDER BY s.site) AS sites,
            string_agg(s.site::text, ', ' ORDER BY s.site) AS listed
        FROM lm.model_site AS s
        WHERE s.model_id = capture_sites.model_id
    )

    SELECT
        CASE
            WHEN 'all' = ANY (capture_sites.capture) THEN m.sites
            WHEN capture_sites.capture <@ m.sites::text[] THEN capture_sites.capture::lm.site[]
            ELSE lm_internal.fail(
                NULL::lm.site[],
                'capture holds what is no site: '
                || COALESCE(
                    (
                        SELECT string_agg(COALESCE(c.site, 'NULL'), ', ')
                        FROM unnest(capture_sites.capture) AS c (site)
                        WHERE c.site = ANY (m.sites::text[]) IS NOT true
                    ),
                    'NULL'
                ),
                'the sites: all, ' || m.listed
            )
        END
    FROM model AS m;
END;

COMMENT ON FUNCTION lm_internal.capture_sites IS
'The sites named by a capture argument; all names every one that the model has. Errors: a name that is none of its sites.';

CREATE OR REPLACE FUNCTION lm_internal.check_capture(
    model_id int,
    capture_layers int[],
    capture_positions int[],
    top_logits int,
    n_token int
)
RETURNS boolean
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    allowed AS (
        SELECT
            m.name,
            m.n_layer - 1 AS last_layer,
            check_capture.n_token - 1 AS last_position,
            ARRAY(SELECT generate_series(0, m.n_layer - 1)) AS layers,
            ARRAY(
                SELECT generate_series(-check_capture.n_token, check_capture.n_token - 1)
            ) AS positions
        FROM lm.model AS m
        WHERE m.model_id = check_capture.model_id
    )

    SELECT
        CASE
            WHEN NOT check_capture.capture_layers <@ a.layers
                THEN lm_internal.fail(
                    true,
                    format(
                        'capture_layers holds others than 0 to %s, the layers of "%s"',
                        a.last_layer, a.name
                    )
                )
            WHEN NOT check_capture.capture_positions <@ a.positions
                THEN lm_internal.fail(
                    true,
                    format(
                        'capture_positions holds others than 0 to %s, or from the end −1 to %s',
                        a.last_position, -a.last_position - 1
                    )
                )
            WHEN check_capture.top_logits < 1
                THEN lm_internal.fail(
                    true, 'top_logits must be 1 or more, or NULL for the whole vocabulary'
                )
            ELSE true
        END
    FROM allowed AS a;
END;

COMMENT ON FUNCTION lm_internal.check_capture IS
'Whether the limits of a capture make sense; n_token is the number of tokens of the longest prompt. Errors: the model does not have the layer; no prompt has the position; top_logits is below 1.';
