-- What runs take up on disk, before they are made.

CREATE OR REPLACE FUNCTION lm_internal.vector_row_bytes(
    width float8,
    dtype text
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
RETURN (
    SELECT
        -- the row's key in the index
        40 + CASE
            WHEN r.bytes <= 8160 THEN 8192 / floor(8168 / (r.bytes + 4))
            -- cut in parts of 2 kB, four to a page, each with a key of its own
            ELSE 80 + ceil(v.bytes / 1996) * (2048 + 30)
        END
    FROM (
        SELECT
            vector_row_bytes.width
            * CASE vector_row_bytes.dtype WHEN 'float16' THEN 2 ELSE 4 END AS bytes
    ) AS v
    CROSS JOIN LATERAL (
        -- the row's header, its key, the vector's header
        SELECT 24 + 32 + 8 * ceil(v.bytes / 8) AS bytes
    ) AS r
);

COMMENT ON FUNCTION lm_internal.vector_row_bytes IS
'About how many bytes on disk a row of lm.stored_activation or lm.stored_adjustment takes whose vector has this many numbers of this dtype, its share of a page and its key in the index counted.';

CREATE OR REPLACE FUNCTION lm.capture_bytes(
    lengths int[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10,
    capture_dtype text DEFAULT 'float32'
)
RETURNS bigint
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- positions kept, and the keys that their queries see
    kept AS MATERIALIZED (
        SELECT
            sum(t.n_token) AS n_token,
            sum(p.n_position) AS n_position,
            sum(p.n_key) AS n_key
        FROM lm.model AS m
        CROSS JOIN unnest(capture_bytes.lengths) AS t (n_token)
        CROSS JOIN LATERAL (
            SELECT
                t.n_token AS n_position,
                t.n_token::bigint * (t.n_token::bigint + 1) / 2 AS n_key
            WHERE capture_bytes.capture_positions IS NULL

            UNION ALL

            SELECT
                count(DISTINCT c.position),
                COALESCE(sum(DISTINCT c.position + 1), 0)
            FROM (
                SELECT CASE WHEN p < 0 THEN p + t.n_token ELSE p END AS position
                FROM unnest(capture_bytes.capture_positions) AS p
            ) AS c
            WHERE c.position BETWEEN 0 AND t.n_token - 1
            HAVING capture_bytes.capture_positions IS NOT NULL
        ) AS p
        WHERE m.model_id = lm.model_id(capture_bytes.model)
            AND CASE
                WHEN t.n_token BETWEEN 1 AND m.n_ctx THEN true
                ELSE lm_internal.fail(
                    true,
                    format(
                        'a text has 1 to %s tokens for model "%s", and not %s',
                        m.n_ctx, m.name, COALESCE(t.n_token::text, 'NULL')
                    )
                )
            END
    ),

    captured AS MATERIALIZED (
        SELECT
            s.site,
            s.width,
            COALESCE(s.n_head, 1)
            * CASE
                WHEN s.site IN ('embed', 'pos_embed', 'ln_final') THEN 1
                WHEN capture_bytes.capture_layers IS NULL THEN m.n_layer
                ELSE (SELECT count(DISTINCT l) FROM unnest(capture_bytes.capture_layers) AS l)
            END AS rows_a_position,
            COALESCE(capture_bytes.top_logits, m.n_vocab) AS n_logit
        FROM lm.model AS m
        INNER JOIN lm.model_site AS s ON s.model_id = m.model_id
        WHERE m.model_id = lm.model_id(capture_bytes.model)
            AND s.site = ANY (lm_internal.capture_sites(capture_bytes.capture, m.model_id))
    )

    SELECT
        (
            -- lm.run_token with its two indexes
            COALESCE(max(k.n_token), 0) * 100
            + COALESCE(
                sum(
                    CASE
                        WHEN c.site = 'logits' THEN k.n_position * c.n_logit * 88
                        ELSE k.n_position * c.rows_a_position
                            * lm_internal.vector_row_bytes(
                                COALESCE(c.width, k.n_key / NULLIF(k.n_position, 0)),
                                lm_internal.capture_dtype(capture_bytes.capture_dtype)
                            )
                    END
                ),
                0
            )
        )::bigint
    FROM kept AS k
    LEFT JOIN captured AS c ON k.n_position > 0;
END;

COMMENT ON FUNCTION lm.capture_bytes IS
'About how many bytes on disk runs of texts of these lengths, in tokens, will take. The other arguments are those of lm.forward. Errors: no such model; a capture that is no site; capture_dtype is neither float32 nor float16; a length that no text has.';
