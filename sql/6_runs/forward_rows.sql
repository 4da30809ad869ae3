-- Running a model without keeping anything: what other engines call for their rows.

CREATE OR REPLACE FUNCTION lm.forward_rows(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    interventions text DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS TABLE (
    ordinal int,
    site lm.site,
    layer int,
    head int,
    "position" int,
    token_id int,
    value vector,
    logit float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            lm_internal.capture_sites(forward_rows.capture, m.model_id) AS sites
        FROM lm.model_id(forward_rows.model) AS m (model_id)
    ),

    pass AS (
        SELECT
            i.model_id,
            i.sites,
            p.*
        FROM input AS i
        CROSS JOIN LATERAL lm_internal.passes(
            i.model_id,
            forward_rows.prompts,
            NULL,
            forward_rows.capture_layers,
            forward_rows.capture_positions,
            forward_rows.top_logits
        ) AS p
    )

    SELECT r.*
    FROM pass AS p
    CROSS JOIN LATERAL (
        WITH
        token AS MATERIALIZED (
            SELECT t.*
            FROM lm_internal.batch_tokens(p.sequence, p.token_ids) AS t
        ),

        captured AS MATERIALIZED (
            SELECT c.*
            FROM lm_internal.pass_rows(
                p.model_id,
                p.sequence,
                p.token_ids,
                p.sites,
                forward_rows.capture_layers,
                forward_rows.capture_positions,
                forward_rows.interventions,
                is_never_alone => true
            ) AS c
        )

        SELECT
            c.ordinal,
            c.site,
            c.layer,
            c.head,
            c.position,
            t.token_id,
            c.value,
            NULL::float8
        FROM captured AS c
        INNER JOIN token AS t ON t.sequence = c.ordinal AND t.position = c.position
        WHERE c.kept

        UNION ALL

        SELECT
            f.ordinals[l.ordinal],
            'logits'::lm.site,
            NULL,
            -1,
            f.positions[l.ordinal],
            l.token_id,
            NULL,
            l.logit
        FROM (
            SELECT
                array_agg(c.ordinal ORDER BY c.ordinal, c.position) AS ordinals,
                array_agg(c.position ORDER BY c.ordinal, c.position) AS positions,
                array_agg(c.value ORDER BY c.ordinal, c.position) AS x
            FROM captured AS c
            WHERE c.site = 'ln_final' AND 'logits' = ANY (p.sites)
        ) AS f
        CROSS JOIN LATERAL lm_internal.pass_logits(
            p.model_id, f.x, forward_rows.top_logits
        ) AS l
    ) AS r;
END;

COMMENT ON FUNCTION lm.forward_rows IS
'Runs prompts and returns what lm.forward would keep, without keeping it: a row for each captured vector, with its token, and one for each of the top_logits highest logits of a position, where token_id is the token that it is the logit of and layer is NULL. ordinal counts the prompts from 1. Rows come pass by pass. They do not depend, to the last bit, on which prompts are given together. The arguments are those of lm.forward_many. Errors: as lm.forward. Writes nothing.';
