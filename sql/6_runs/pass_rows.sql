-- One forward pass over some texts: what it has at the sites that are asked for. Writes nothing.

CREATE OR REPLACE FUNCTION lm_internal.pass_rows(
    model_id int,
    sequence int[],
    token_ids int[],
    capture lm.site[],
    capture_layers int[],
    capture_positions int[],
    interventions text,
    is_never_alone boolean DEFAULT false
)
RETURNS TABLE (
    ordinal int,
    site lm.site,
    layer int,
    head int,
    "position" int,
    value vector,
    kept boolean
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    given AS MATERIALIZED (
        SELECT t.*
        FROM lm_internal.batch_tokens(pass_rows.sequence, pass_rows.token_ids) AS t
    ),

    text AS MATERIALIZED (
        SELECT
            g.sequence,
            count(*)::int AS n_token,
            array_agg(g.token_id ORDER BY g.position) AS tokens
        FROM given AS g
        GROUP BY g.sequence
    ),

    -- Texts that begin alike: what they share is run once, and each goes on from it. Its queries
    -- are fewer then, which may round the last digit of z the other way.
    beginning AS MATERIALIZED (
        SELECT
            min(t.sequence) AS sequence,
            array_agg(t.sequence) AS sequences,
            min(
                (
                    SELECT COALESCE(min(b.place)::int - 1, t.n_token)
                    FROM unnest(t.tokens, t.first_tokens)
                        WITH ORDINALITY AS b (token_id, other_id, place)
                    WHERE b.token_id IS DISTINCT FROM b.other_id
                )
            ) AS n_shared
        FROM (
            SELECT
                t.*,
                t.tokens[:16] AS alike,
                first_value(t.tokens) OVER (
                    PARTITION BY t.tokens[:16] ORDER BY t.sequence
                ) AS first_tokens
            FROM text AS t
            WHERE t.n_token >= 16
                AND pass_rows.interventions IS NULL
                AND NOT pass_rows.is_never_alone
        ) AS t
        GROUP BY t.alike
        HAVING count(*) > 1
    ),

    token AS MATERIALIZED (
        SELECT
            -b.sequence AS sequence,
            NULL::int AS parent,
            b.sequence AS place,
            g.position,
            g.token_id
        FROM beginning AS b
        INNER JOIN given AS g ON g.sequence = b.sequence AND g.position < b.n_shared

        UNION ALL

        SELECT
            g.sequence,
            -b.sequence,
            COALESCE(b.sequence, g.sequence),
            g.position,
            g.token_id
        FROM given AS g
        LEFT JOIN beginning AS b ON g.sequence = ANY (b.sequences)
        WHERE g.position >= COALESCE(b.n_shared, 0)

        UNION ALL

        -- A position that is alone in its half of a pass takes another way through weights of
        -- float16. Where that must not be, a second one comes behind it, which it does not see.
        SELECT
            g.sequence,
            NULL,
            g.sequence,
            1,
            g.token_id
        FROM given AS g
        INNER JOIN text AS t ON t.sequence = g.sequence
        WHERE pass_rows.is_never_alone AND t.n_token = 1
    ),

    -- what is shared comes before what goes on from it
    batch AS MATERIALIZED (
        SELECT
            array_agg(t.sequence ORDER BY t.place, t.sequence, t.position) AS sequence,
            array_agg(t.parent ORDER BY t.place, t.sequence, t.position) AS parent,
            array_agg(t.position ORDER BY t.place, t.sequence, t.position) AS position,
            array_agg(t.token_id ORDER BY t.place, t.sequence, t.position) AS token_id
        FROM token AS t
    ),

    -- whose each sequence is
    owner AS MATERIALIZED (
        SELECT
            t.sequence AS batch_sequence,
            t.sequence,
            t.n_token
        FROM text AS t

        UNION ALL

        SELECT
            -b.sequence,
            t.sequence,
            t.n_token
        FROM beginning AS b
        INNER JOIN text AS t ON t.sequence = ANY (b.sequences)
    ),

    pass AS MATERIALIZED (
        SELECT
            n.sequence,
            t.layer,
            t.position,
            t.site,
            t.head,
            t.value,
            -- the embeddings, whose layer is −1 here, are of no layer
            t.site = ANY (pass_rows.capture)
            AND (
                pass_rows.capture_layers IS NULL
                OR t.layer = -1
                OR t.layer = ANY (pass_rows.capture_layers)
            ) AS kept
        FROM batch AS b
        CROSS JOIN LATERAL lm_internal.transformer_many(
            pass_rows.model_id,
            b.sequence,
            b.position,
            b.token_id,
            pass_rows.capture,
            -- which count from the end of what was given
            changes => lm_internal.changes(
                pass_rows.interventions, pass_rows.model_id, pass_rows.sequence
            ),
            parent => b.parent
        ) AS t
        INNER JOIN owner AS n ON n.batch_sequence = t.sequence AND t.position < n.n_token
        WHERE pass_rows.capture_positions IS NULL
            OR t.position = ANY (pass_rows.capture_positions)
            OR t.position - n.n_token = ANY (pass_rows.capture_positions)
    )

    SELECT
        p.sequence,
        p.site,
        greatest(p.layer, 0),
        p.head,
        p.position,
        p.value,
        true
    FROM pass AS p
    WHERE p.kept

    UNION ALL

    -- ln_final = Norm(resid_post of the last layer), where it or the logits are captured
    SELECT
        b.sequence,
        'ln_final',
        last.layer + 1,
        -1,
        b.position,
        b.value,
        'ln_final' = ANY (pass_rows.capture)
    FROM (
        SELECT
            p.layer,
            array_agg(p.sequence ORDER BY p.sequence, p.position) AS sequences,
            array_agg(p.position ORDER BY p.sequence, p.position) AS positions,
            array_agg(p.value ORDER BY p.sequence, p.position) AS x
        FROM pass AS p
        INNER JOIN lm.model AS m ON m.n_layer - 1 = p.layer
        WHERE m.model_id = pass_rows.model_id
            AND p.site = 'resid_post'
            AND pass_rows.capture && '{ln_final,logits}'
        GROUP BY p.layer
    ) AS last
    CROSS JOIN LATERAL lm_internal.final_norm(last.x, pass_rows.model_id) AS normed
    CROSS JOIN unnest(last.sequences, last.positions, normed) AS b (sequence, position, value);
END;

COMMENT ON FUNCTION lm_internal.pass_rows IS
'One pass over sequences, their tokens end to end: a row for each captured vector. ln_final is there for logits too, and is not kept then. is_never_alone: a row does not depend, to the last bit, on which sequences share the pass. Writes nothing.';

CREATE OR REPLACE FUNCTION lm_internal.pass_logits(
    model_id int,
    x vector[],
    top_logits int
)
RETURNS TABLE (
    ordinal int,
    token_id int,
    logit float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        part.number * lm_internal.positions_at_once() + u.ordinal,
        l.token_id,
        l.logit
    -- some positions at a time: the whole vocabulary's logits need not be there for all at once
    FROM (
        SELECT
            ((r.row - 1) / lm_internal.positions_at_once())::int AS number,
            array_agg(r.x ORDER BY r.row) AS x
        FROM unnest(pass_logits.x) WITH ORDINALITY AS r (x, row)
        GROUP BY 1
    ) AS part
    CROSS JOIN LATERAL lm_internal.unembed(part.x, pass_logits.model_id) AS u
    CROSS JOIN LATERAL lm_internal.likeliest(u.logits, pass_logits.top_logits) AS l;
END;

COMMENT ON FUNCTION lm_internal.pass_logits IS
'The top_logits highest logits of each row of x, [rows, d_model], which is ln_final; all if NULL. ordinal counts the rows from 1.';
