-- Running a model: forward passes that are kept as rows, and what comes next.

CREATE OR REPLACE FUNCTION lm.prompt_tokens(
    prompt text,
    token_ids int[],
    model_id int
)
RETURNS int[]
LANGUAGE sql
STABLE
SET search_path FROM CURRENT
AS $$
    WITH
    given AS MATERIALIZED (
        SELECT
            m.*,
            CASE
                WHEN prompt_tokens.prompt IS NOT NULL AND prompt_tokens.token_ids IS NOT NULL
                    THEN lm.fail(NULL::int[], 'a prompt and token_ids are both given: give one')
                WHEN prompt_tokens.prompt IS NULL AND prompt_tokens.token_ids IS NULL
                    THEN lm.fail(NULL::int[], 'no prompt: it is NULL', 'give a text, or token_ids => int[]')
                WHEN prompt_tokens.prompt IS NOT NULL
                    THEN lm.encode(prompt_tokens.prompt, m.name)
                ELSE prompt_tokens.token_ids
            END AS tokens
        FROM lm.model AS m
        WHERE m.model_id = prompt_tokens.model_id
    )

    SELECT
        CASE
            WHEN cardinality(g.tokens) = 0
                THEN lm.fail(NULL::int[], 'the prompt is empty: a model needs one token at least')
            WHEN cardinality(g.tokens) > g.n_ctx
                THEN lm.fail(
                    NULL::int[],
                    format(
                        'the prompt has %s tokens and model "%s" has positions for %s',
                        cardinality(g.tokens), g.name, g.n_ctx
                    ),
                    'shorten it; SELECT count(*) FROM lm.tokenize(prompt) counts its tokens'
                )
            WHEN EXISTS (
                SELECT FROM unnest(g.tokens) AS t (token_id)
                WHERE t.token_id IS NULL OR t.token_id NOT BETWEEN 0 AND g.n_vocab - 1
            )
                THEN lm.fail(
                    NULL::int[],
                    format('model "%s" has tokens 0 to %s; token_ids holds others', g.name, g.n_vocab - 1)
                )
            ELSE g.tokens
        END
    FROM given AS g
$$;

COMMENT ON FUNCTION lm.prompt_tokens IS
'The tokens to run, from a prompt or from token ids. Errors: neither or both given; none; more than n_ctx; an id outside the vocabulary.';

CREATE OR REPLACE FUNCTION lm.logits(
    resid vector,
    model_id int
)
RETURNS TABLE (
    token_id int,
    logit float8
)
LANGUAGE sql
STABLE
ROWS 50000
SET search_path FROM CURRENT
AS $$
    WITH
    -- ln_final = LayerNorm(resid_post of the last layer)                                [d_model]
    ln_final AS MATERIALIZED (
        SELECT lm.layer_norm(logits.resid, n.gain, n.bias, m.layer_norm_eps) AS x
        FROM lm.model AS m
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
        WHERE m.model_id = logits.model_id
    )

    -- logit = W_U[token] · ln_final, and W_U is W_E
    SELECT
        e.token_id,
        -COALESCE(
            e.embedding <#> f.x,
            ((e.embedding_half <#> h.high) + (e.embedding_half <#> h.low)) * h.norm
        )
    FROM ln_final AS f
    CROSS JOIN lm.halves(f.x) AS h
    CROSS JOIN lm.token_embedding AS e
    WHERE e.model_id = logits.model_id
$$;

COMMENT ON FUNCTION lm.logits IS
'A vector of the residual stream read as a prediction: through the final layer norm and the unembedding to a logit per token.';

CREATE OR REPLACE FUNCTION lm.unembed(
    x vector[],
    model_id int
)
RETURNS TABLE (
    ordinal int,
    logits real[]
)
LANGUAGE sql
STABLE
ROWS 100
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan
AS $$
    WITH
    -- eight rows of x side by side, as in lm.linear
    tile AS NOT MATERIALIZED (
        SELECT
            start,
            unembed.x[start] AS x0, unembed.x[start + 1] AS x1,
            unembed.x[start + 2] AS x2, unembed.x[start + 3] AS x3,
            unembed.x[start + 4] AS x4, unembed.x[start + 5] AS x5,
            unembed.x[start + 6] AS x6, unembed.x[start + 7] AS x7
        FROM unnest(ARRAY(SELECT generate_series(1, cardinality(unembed.x), 8))) AS start
        OFFSET 0
    ),

    weight AS NOT MATERIALIZED (
        SELECT COALESCE(e.embedding, e.embedding_half::vector) AS w
        FROM lm.token_embedding AS e
        WHERE e.model_id = unembed.model_id
        ORDER BY e.token_id
        OFFSET 0
    ),

    -- logits[row, token] = W_U[token] · x[row], and W_U is W_E
    product AS (
        SELECT
            start,
            array_agg((-(w <#> x0))::real) AS y0,
            array_agg((-(w <#> x1))::real) FILTER (WHERE x1 IS NOT NULL) AS y1,
            array_agg((-(w <#> x2))::real) FILTER (WHERE x2 IS NOT NULL) AS y2,
            array_agg((-(w <#> x3))::real) FILTER (WHERE x3 IS NOT NULL) AS y3,
            array_agg((-(w <#> x4))::real) FILTER (WHERE x4 IS NOT NULL) AS y4,
            array_agg((-(w <#> x5))::real) FILTER (WHERE x5 IS NOT NULL) AS y5,
            array_agg((-(w <#> x6))::real) FILTER (WHERE x6 IS NOT NULL) AS y6,
            array_agg((-(w <#> x7))::real) FILTER (WHERE x7 IS NOT NULL) AS y7
        FROM weight
        CROSS JOIN tile
        GROUP BY start
    )

    SELECT
        start + place,
        y
    FROM product
    CROSS JOIN LATERAL (
        VALUES (0, y0), (1, y1), (2, y2), (3, y3), (4, y4), (5, y5), (6, y6), (7, y7)
    ) AS output (place, y)
    WHERE y IS NOT NULL
    ORDER BY start, place
$$;

COMMENT ON FUNCTION lm.unembed IS
'Each row of x, [rows, d_model], read as a prediction by the unembedding: ordinal counts the rows from 1, logits are [n_vocab] from token 0 on. Apply the final layer norm before.';

CREATE OR REPLACE FUNCTION lm.next_token(
    prompt text,
    k int DEFAULT 10,
    model text DEFAULT NULL
)
RETURNS TABLE (
    rank int,
    token_id int,
    token text,
    logit float8,
    probability float8
)
LANGUAGE sql
STABLE
SET search_path FROM CURRENT
AS $$
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.n_layer,
            lm.prompt_tokens(next_token.prompt, NULL, m.model_id) AS tokens
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(next_token.model)
    ),

    -- the residual stream above the last layer, at the last position
    final AS MATERIALIZED (
        SELECT
            i.model_id,
            t.resid_post
        FROM input AS i
        CROSS JOIN LATERAL lm.transformer(
            i.model_id,
            array_fill(0, ARRAY[cardinality(i.tokens)]),
            ARRAY(SELECT generate_series(0, cardinality(i.tokens) - 1)),
            i.tokens,
            '{}'
        ) AS t
        WHERE t.layer = i.n_layer - 1 AND t.position = cardinality(i.tokens) - 1
    ),

    logit AS MATERIALIZED (
        SELECT
            f.model_id,
            l.token_id,
            l.logit
        FROM final AS f
        CROSS JOIN LATERAL lm.logits(f.resid_post, f.model_id) AS l
    ),

    -- log Σ e^logit, kept from overflow by the highest
    normaliser AS MATERIALIZED (
        SELECT h.highest + ln(sum(exp(greatest(l.logit - h.highest, -700)))) AS log_total
        FROM logit AS l
        CROSS JOIN (SELECT max(logit) AS highest FROM logit) AS h
        GROUP BY h.highest
    ),

    likeliest AS (
        SELECT
            row_number() OVER (ORDER BY l.logit DESC, l.token_id) AS rank,
            l.*
        FROM logit AS l
        ORDER BY l.logit DESC, l.token_id
        LIMIT next_token.k
    )

    -- probability = softmax(logit)
    SELECT
        l.rank::int,
        l.token_id,
        v.token,
        l.logit,
        exp(greatest(l.logit - n.log_total, -700))
    FROM likeliest AS l
    CROSS JOIN normaliser AS n
    LEFT JOIN lm.vocabulary AS v ON v.model_id = l.model_id AND v.token_id = l.token_id
    ORDER BY l.rank
$$;

COMMENT ON FUNCTION lm.next_token IS
'The k likeliest next tokens with their logits and probabilities; k NULL gives all. Writes nothing. Errors: those of lm.prompt_tokens.';

CREATE OR REPLACE FUNCTION lm.capture_sites(
    capture text[]
)
RETURNS lm.site[]
LANGUAGE sql
STABLE
SET search_path FROM CURRENT
AS $$
    WITH
    known AS (
        SELECT s.site
        FROM unnest(enum_range(NULL::lm.site)) AS s (site)
    )

    SELECT
        CASE
            WHEN 'all' = ANY (capture_sites.capture) THEN enum_range(NULL::lm.site)
            WHEN capture_sites.capture <@ (SELECT array_agg(k.site::text) FROM known AS k)
                THEN capture_sites.capture::lm.site[]
            ELSE lm.fail(
                NULL::lm.site[],
                'capture holds what is no site: ' || array_to_string(capture_sites.capture, ', ', 'NULL'),
                'the sites: all, ' || (SELECT string_agg(k.site::text, ', ' ORDER BY k.site) FROM known AS k)
            )
        END
$$;

COMMENT ON FUNCTION lm.capture_sites IS
'The sites named by a capture argument; all names every one. Errors: a name that is none.';

CREATE OR REPLACE FUNCTION lm.check_capture(
    model_id int,
    capture_layers int[],
    capture_positions int[],
    top_logits int,
    n_token int
)
RETURNS boolean
LANGUAGE sql
STABLE
RETURN (
    SELECT
        CASE
            WHEN check_capture.capture_layers <@ ARRAY(SELECT generate_series(0, m.n_layer - 1)) IS FALSE
                THEN lm.fail(
                    true,
                    format('capture_layers holds others than 0 to %s, the layers of model "%s"', m.n_layer - 1, m.name)
                )
            WHEN check_capture.capture_positions
                <@ ARRAY(SELECT generate_series(-check_capture.n_token, check_capture.n_token - 1)) IS FALSE
                THEN lm.fail(
                    true,
                    format(
                        'capture_positions holds others than %s to %s: there are %s tokens',
                        -check_capture.n_token, check_capture.n_token - 1, check_capture.n_token
                    )
                )
            WHEN check_capture.top_logits < 1
                THEN lm.fail(true, 'top_logits must be 1 or more, or NULL for the whole vocabulary')
            ELSE true
        END
    FROM lm.model AS m
    WHERE m.model_id = check_capture.model_id
);

COMMENT ON FUNCTION lm.check_capture IS
'Whether what limits a capture is sound, n_token being the longest prompt''s number of tokens. Errors: a layer the model has not; a position no prompt has; top_logits below 1.';

CREATE OR REPLACE FUNCTION lm.record_runs(
    model_id int,
    prompts text[],
    token_ids int[],
    capture lm.site[],
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
SET search_path FROM CURRENT
AS $$
    WITH
    -- a run for each prompt, or the one run of token_ids
    run AS MATERIALIZED (
        SELECT
            nextval('lm.run_run_id_seq') AS run_id,
            p.ordinal::int AS ordinal,
            p.prompt,
            lm.prompt_tokens(p.prompt, record_runs.token_ids, m.model_id) AS tokens,
            clock_timestamp() AS started_at
        FROM lm.model AS m
        CROSS JOIN unnest(COALESCE(record_runs.prompts, ARRAY[NULL])) WITH ORDINALITY AS p (prompt, ordinal)
        WHERE m.model_id = record_runs.model_id
    ),

    batch AS MATERIALIZED (
        SELECT
            array_agg(r.ordinal ORDER BY r.ordinal, t.position) AS sequence,
            array_agg(t.position::int - 1 ORDER BY r.ordinal, t.position) AS position,
            array_agg(t.token_id ORDER BY r.ordinal, t.position) AS token_id,
            lm.check_capture(
                record_runs.model_id,
                record_runs.capture_layers,
                record_runs.capture_positions,
                record_runs.top_logits,
                max(t.position)::int
            ) AS sound
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    pass AS MATERIALIZED (
        SELECT
            r.run_id,
            t.*,
            -- the embeddings, whose row is −1, are of no layer
            t.layer = ANY (-1 || record_runs.capture_layers) OR record_runs.capture_layers IS NULL AS kept
        FROM batch AS b
        CROSS JOIN LATERAL lm.transformer(
            record_runs.model_id, b.sequence, b.position, b.token_id, record_runs.capture
        ) AS t
        INNER JOIN run AS r ON r.ordinal = t.sequence
        WHERE b.sound
            AND (
                record_runs.capture_positions IS NULL
                OR t.position = ANY (record_runs.capture_positions)
                OR t.position - cardinality(r.tokens) = ANY (record_runs.capture_positions)
            )
    ),

    -- ln_final = LayerNorm(resid_post of the last layer), where it or the logits are captured
    ln_final AS MATERIALIZED (
        SELECT
            row_number() OVER (ORDER BY p.run_id, p.position) AS row,
            p.run_id,
            p.position,
            n.layer,
            lm.layer_norm(p.resid_post, n.gain, n.bias, m.layer_norm_eps) AS value
        FROM pass AS p
        INNER JOIN lm.model AS m ON m.n_layer - 1 = p.layer
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
        WHERE m.model_id = record_runs.model_id
            AND record_runs.capture && '{ln_final,logits}'
    ),

    new_run AS (
        INSERT INTO lm.run (
            run_id, model_id, prompt, token_ids, capture, capture_layers, capture_positions, top_logits,
            started_at, duration
        )
        SELECT
            r.run_id,
            record_runs.model_id,
            r.prompt,
            r.tokens,
            record_runs.capture,
            record_runs.capture_layers,
            record_runs.capture_positions,
            record_runs.top_logits,
            r.started_at,
            clock_timestamp() - r.started_at
        FROM (SELECT count(*) FROM pass) AS passed
        CROSS JOIN run AS r
    ),

    new_token AS (
        INSERT INTO lm.run_token (run_id, position, token_id)
        SELECT
            r.run_id,
            t.position - 1,
            t.token_id
        FROM run AS r
        CROSS JOIN unnest(r.tokens) WITH ORDINALITY AS t (token_id, position)
    ),

    new_adjustment AS (
        INSERT INTO lm.attention_adjustment (run_id, layer, position, adjustment)
        SELECT
            p.run_id,
            p.layer,
            p.position,
            p.attn_out
        FROM pass AS p
        WHERE p.kept AND p.attn_out IS NOT NULL
    ),

    new_logit AS (
        INSERT INTO lm.logit (run_id, position, token_id, logit)
        SELECT
            f.run_id,
            f.position,
            l.token_id,
            l.logit
        FROM (SELECT array_agg(f.value ORDER BY f.row) AS x FROM ln_final AS f) AS matrix
        CROSS JOIN LATERAL lm.unembed(matrix.x, record_runs.model_id) AS u
        INNER JOIN ln_final AS f ON f.row = u.ordinal
        CROSS JOIN LATERAL (
            SELECT
                o.number - 1 AS token_id,
                o.logit
            FROM unnest(u.logits) WITH ORDINALITY AS o (logit, number)
            ORDER BY o.logit DESC, o.number
            LIMIT record_runs.top_logits
        ) AS l
        WHERE 'logits' = ANY (record_runs.capture)
    ),

    -- every other captured vector; queries, keys, values and z cut into their heads
    new_activation AS (
        INSERT INTO lm.activation (run_id, site, layer, head, position, value)
        SELECT
            p.run_id,
            a.site,
            a.layer,
            a.head,
            p.position,
            a.value
        FROM pass AS p
        CROSS JOIN LATERAL (
            SELECT
                w.site,
                greatest(p.layer, 0) AS layer,
                -1 AS head,
                w.value
            FROM (
                VALUES
                ('embed'::lm.site, p.embed),
                ('pos_embed', p.pos_embed),
                ('resid_pre', p.resid_pre),
                ('ln1', p.ln1),
                ('resid_mid', p.resid_mid),
                ('ln2', p.ln2),
                ('mlp_pre', p.mlp_pre),
                ('mlp_post', p.mlp_post),
                ('mlp_out', p.mlp_out),
                -- it comes whether captured or not: the layer above needs it
                ('resid_post', CASE WHEN 'resid_post' = ANY (record_runs.capture) AND p.layer >= 0 THEN p.resid_post END)
            ) AS w (site, value)

            UNION ALL

            SELECT
                w.site,
                p.layer,
                h.head,
                subvector(w.value, h.head * m.d_model / m.n_head + 1, m.d_model / m.n_head)
            FROM (VALUES ('q'::lm.site, p.q), ('k', p.k), ('v', p.v), ('z', p.z)) AS w (site, value)
            INNER JOIN lm.model AS m ON m.model_id = record_runs.model_id
            CROSS JOIN generate_series(0, m.n_head - 1) AS h (head)
            WHERE w.value IS NOT NULL

            UNION ALL

            SELECT
                w.site,
                p.layer,
                (h.number - 1)::int,
                h.value
            FROM (VALUES ('attn_scores'::lm.site, p.attn_scores), ('pattern', p.pattern)) AS w (site, matrix)
            CROSS JOIN unnest(w.matrix) WITH ORDINALITY AS h (value, number)
        ) AS a
        WHERE p.kept AND a.value IS NOT NULL

        UNION ALL

        SELECT
            f.run_id,
            'ln_final',
            f.layer,
            -1,
            f.position,
            f.value
        FROM ln_final AS f
        WHERE 'ln_final' = ANY (record_runs.capture)
    )

    SELECT
        r.ordinal,
        r.run_id
    FROM run AS r
    ORDER BY r.ordinal
$$;
COMMENT ON FUNCTION lm.record_runs IS
'What lm.forward and lm.forward_many share: runs the prompts (or the one sequence of token_ids) in one pass and writes each as a run with the captured sites.';

CREATE OR REPLACE FUNCTION lm.forward(
    prompt text DEFAULT NULL,
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    token_ids int[] DEFAULT NULL,
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS bigint
LANGUAGE sql
VOLATILE
SET search_path FROM CURRENT
AS $$
    SELECT r.run_id
    FROM lm.record_runs(
        lm.model_id(forward.model),
        CASE WHEN forward.prompt IS NOT NULL THEN ARRAY[forward.prompt] END,
        forward.token_ids,
        lm.capture_sites(forward.capture),
        forward.capture_layers,
        forward.capture_positions,
        forward.top_logits
    ) AS r
$$;

COMMENT ON FUNCTION lm.forward IS
'Runs a prompt (or token_ids) through the model and keeps the captured sites as rows; returns the run_id. capture_layers and capture_positions (−1 is the last) limit what is kept, NULL to nothing; of captured logits the top_logits highest of each position are kept, NULL all. Errors: those of lm.prompt_tokens and lm.check_capture; a capture that is no site.';

CREATE OR REPLACE FUNCTION lm.forward_many(
    prompts text[],
    model text DEFAULT NULL,
    capture text[] DEFAULT '{attn_out}',
    capture_layers int[] DEFAULT NULL,
    capture_positions int[] DEFAULT NULL,
    top_logits int DEFAULT 10
)
RETURNS TABLE (
    ordinal int,
    run_id bigint
)
LANGUAGE sql
VOLATILE
SET search_path FROM CURRENT
AS $$
    SELECT *
    FROM lm.record_runs(
        lm.model_id(forward_many.model),
        forward_many.prompts,
        NULL,
        lm.capture_sites(forward_many.capture),
        forward_many.capture_layers,
        forward_many.capture_positions,
        forward_many.top_logits
    )
$$;

COMMENT ON FUNCTION lm.forward_many IS
'Runs several prompts in one pass, which reads each weight once for all of them; a run for each, ordinal counting the prompts from 1. Errors: as lm.forward; one bad prompt and nothing is written.';
