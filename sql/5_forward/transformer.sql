-- The transformer as one recursive query over layers: one CTE, one equation.
-- Everything that runs a model runs this: a prompt, several at once, one more token after a cache,
-- a run with interventions, the part of a run that an intervention can change.
-- A matrix is a vector[] with a row for each position of the batch; shapes stand at the right.

CREATE OR REPLACE FUNCTION lm.transformer(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    keep lm.site[],
    generation_id bigint DEFAULT NULL,
    changes lm.change[] DEFAULT NULL,
    first_layer int DEFAULT 0,
    resid vector[] DEFAULT NULL,
    context_run bigint DEFAULT NULL
)
RETURNS TABLE (
    layer int,
    sequence int,
    "position" int,
    embed vector,
    pos_embed vector,
    resid_pre vector,
    ln1 vector,
    q vector,
    k vector,
    v vector,
    attn_scores vector[],
    pattern vector[],
    z vector,
    attn_out vector,
    resid_mid vector,
    ln2 vector,
    mlp_pre vector,
    mlp_post vector,
    mlp_out vector,
    resid_post vector
)
LANGUAGE sql
STABLE
PARALLEL SAFE
COST 1000000
SET plan_cache_mode = force_generic_plan
SET work_mem = '256MB'
SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE
    -- the sizes; a head is d_head wide, the MLP's output map is cut in n_block blocks of inputs
    size AS MATERIALIZED (
        SELECT
            m.*,
            m.d_model / m.n_head AS d_head,
            (m.d_mlp - 1) / m.d_model + 1 AS n_block,
            lm.identity(m.d_model / m.n_head) AS identity,
            lm.fill(-1 / sqrt(m.d_model / m.n_head), m.d_model / m.n_head) AS scale,
            lm.fill(0, m.n_ctx) AS zeros
        FROM lm.model AS m
        WHERE m.model_id = transformer.model_id
    ),

    -- the positions of all sequences; row is their row in every matrix
    batch AS MATERIALIZED (
        SELECT b.*
        FROM unnest(transformer.sequence, transformer.position, transformer.token_id)
            WITH ORDINALITY AS b (sequence, position, token_id, row)
    ),

    -- embed = W_E[token], pos_embed = W_pos[position]                         [position, d_model]
    embedding AS MATERIALIZED (
        SELECT
            lm.intervene(
                y.embed, transformer.changes, 'embed', 0,
                transformer.sequence, transformer.position
            ) AS embed,
            lm.intervene(
                y.pos_embed, transformer.changes, 'pos_embed', 0,
                transformer.sequence, transformer.position
            ) AS pos_embed
        FROM (
            SELECT
                array_agg(COALESCE(e.embedding, e.embedding_half::vector) ORDER BY b.row) AS embed,
                array_agg(p.embedding ORDER BY b.row) AS pos_embed
            FROM batch AS b
            INNER JOIN lm.token_embedding AS e
                ON e.model_id = transformer.model_id AND e.token_id = b.token_id
            INNER JOIN lm.position_embedding AS p
                ON p.model_id = transformer.model_id AND p.position = b.position
        ) AS y
    ),

    -- one row per layer: a matrix for each site that is to be kept, and the residual stream
    block AS (
        SELECT
            transformer.first_layer - 1 AS layer,
            CASE WHEN 'embed' = ANY (transformer.keep) THEN e.embed END AS embed,
            CASE WHEN 'pos_embed' = ANY (transformer.keep) THEN e.pos_embed END AS pos_embed,
            NULL::vector[] AS resid_pre,
            NULL::vector[] AS ln1,
            NULL::vector[] AS q,
            NULL::vector[] AS k,
            NULL::vector[] AS v,
            NULL::vector[] AS attn_scores,
            NULL::vector[] AS pattern,
            NULL::vector[] AS z,
            NULL::vector[] AS attn_out,
            NULL::vector[] AS resid_mid,
            NULL::vector[] AS ln2,
            NULL::vector[] AS mlp_pre,
            NULL::vector[] AS mlp_post,
            NULL::vector[] AS mlp_out,
            COALESCE(transformer.resid, lm.add(e.embed, e.pos_embed)) AS resid_post
        FROM embedding AS e

        UNION ALL

        (
            WITH
            -- this layer and the sizes; x is the residual stream as the layer below left it
            here AS MATERIALIZED (
                SELECT
                    size.*,
                    b.layer + 1 AS layer,
                    b.resid_post AS x,
                    transformer.sequence AS sequences,
                    transformer.position AS positions,
                    transformer.changes,
                    lm.has_change(transformer.changes, 'attn_scores', b.layer + 1) AS edges_are_cut,
                    lm.has_change(transformer.changes, 'pattern', b.layer + 1) AS pattern_is_changed
                FROM block AS b
                CROSS JOIN size
                WHERE b.layer + 1 < size.n_layer
            ),

            -- resid_pre                                                       [position, d_model]
            resid_pre AS MATERIALIZED (
                SELECT
                    lm.intervene(h.x, h.changes, 'resid_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
            ),

            -- ln1 = LayerNorm(resid_pre)                                      [position, d_model]
            ln1 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln1', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln1'
                CROSS JOIN LATERAL lm.normalize(
                    r.x, n.gain, n.bias, h.layer_norm_eps, true
                ) AS y (x)
            ),

            -- q, k, v = W_Q ln1 + b_Q, W_K ln1 + b_K, W_V ln1 + b_V           [position, d_model]
            qkv AS MATERIALIZED (
                SELECT
                    lm.intervene(q.x, h.changes, 'q', h.layer, h.sequences, h.positions) AS q,
                    lm.intervene(k.x, h.changes, 'k', h.layer, h.sequences, h.positions) AS k,
                    lm.intervene(v.x, h.changes, 'v', h.layer, h.sequences, h.positions) AS v
                FROM here AS h
                CROSS JOIN ln1
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'q') AS q (x)
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'k') AS k (x)
                CROSS JOIN LATERAL lm.linear(ln1.x, h.model_id, h.layer, 'v') AS v (x)
            ),

            -- keys and values: what is cached, what a run that is continued has kept, what is new;
            -- the new with their queries
            known AS NOT MATERIALIZED (
                SELECT
                    c.sequence,
                    c.position,
                    c.key AS k,
                    c.value AS v,
                    NULL::vector AS q,
                    NULL::bigint AS row
                FROM here AS h
                -- fenced, for the planner would rather read the cache of every layer in each
                CROSS JOIN LATERAL (
                    SELECT c.*
                    FROM lm.attention_cache AS c
                    WHERE c.generation_id = transformer.generation_id AND c.layer = h.layer
                    OFFSET 0
                ) AS c

                UNION ALL

                SELECT
                    s.sequence,
                    a.position,
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'k'),
                    lm.concat(a.value ORDER BY a.head) FILTER (WHERE a.site = 'v'),
                    NULL,
                    NULL
                FROM here AS h
                INNER JOIN lm.activation AS a
                    ON a.run_id = transformer.context_run
                    AND a.site IN ('k', 'v')
                    AND a.layer = h.layer
                INNER JOIN (
                    SELECT
                        b.sequence,
                        min(b.position) AS first_position
                    FROM batch AS b
                    GROUP BY b.sequence
                ) AS s ON s.first_position > a.position
                GROUP BY s.sequence, a.position

                UNION ALL

                SELECT
                    b.sequence,
                    b.position,
                    b.k,
                    b.v,
                    b.q,
                    b.row
                FROM here AS h
                CROSS JOIN qkv
                CROSS JOIN unnest(qkv.k, qkv.v, qkv.q, h.sequences, h.positions)
                    WITH ORDINALITY AS b (k, v, q, sequence, position, row)
            ),

            -- in order of position; a query's row is its row in the matrices            [sequence]
            context AS MATERIALIZED (
                SELECT
                    known.sequence,
                    array_agg(known.k ORDER BY known.position) AS keys,
                    array_agg(known.v ORDER BY known.position) AS values,
                    array_agg(known.q ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS queries,
                    array_agg(known.row ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS rows,
                    array_agg(known.position ORDER BY known.position) FILTER (WHERE known.row > 0)
                        AS positions
                FROM known
                GROUP BY known.sequence
            ),

            -- cut into heads; from here on a row is a head, and its matrices follow the queries; q is
            -- divided by −√d_head, for <#> is minus the product
            head AS MATERIALIZED (
                SELECT
                    c.sequence,
                    n.head,
                    c.rows,
                    c.positions,
                    ARRAY(SELECT subvector(unnest(c.queries), n.start, h.d_head) * h.scale) AS q,
                    ARRAY(SELECT subvector(unnest(c.keys), n.start, h.d_head)) AS k,
                    ARRAY(SELECT subvector(unnest(c.values), n.start, h.d_head)) AS v
                FROM here AS h
                CROSS JOIN context AS c
                CROSS JOIN LATERAL (
                    SELECT
                        i AS head,
                        i * h.d_head + 1 AS start
                    FROM generate_series(0, h.n_head - 1) AS i
                ) AS n
            ),

            -- attn_scores = q · k / √d_head, of the keys up to the query itself        [query, key]
            attn_scores AS MATERIALIZED (
                SELECT
                    head.*,
                    ARRAY(
                        SELECT
                            CASE
                                WHEN h.edges_are_cut
                                    THEN lm.knock_out(
                                        s.x, h.changes, h.layer,
                                        head.head, head.sequence, b.position
                                    )
                                ELSE s.x
                            END
                        FROM unnest(head.q, head.positions) AS b (q, position)
                        CROSS JOIN LATERAL (
                            SELECT
                                ARRAY(
                                    SELECT b.q <#> unnest(head.k)
                                    LIMIT b.position + 1
                                )::vector AS x
                            OFFSET 0
                        ) AS s
                    ) AS scores
                FROM here AS h
                CROSS JOIN head
            ),

            -- pattern = softmax(attn_scores)                                           [query, key]
            pattern AS MATERIALIZED (
                SELECT
                    a.*,
                    CASE
                        WHEN h.pattern_is_changed
                            THEN ARRAY(
                                SELECT
                                    lm.change_row(
                                        b.weights, h.changes, 'pattern', h.layer,
                                        a.head, a.sequence, b.position
                                    )
                                FROM unnest(p.weights, a.positions) AS b (weights, position)
                            )
                        ELSE p.weights
                    END AS weights
                FROM here AS h
                CROSS JOIN attn_scores AS a
                CROSS JOIN LATERAL lm.softmax(a.scores) AS p (weights)
            ),

            -- z = Σ_key pattern[key] v[key]                                        [query, d_head]
            -- For many queries vᵀ = I vᵀ first: products with it are cheaper than weighted sums.
            head_z AS MATERIALIZED (
                SELECT
                    p.head,
                    p.rows,
                    COALESCE(
                        many.z,
                        ARRAY(
                            SELECT
                                (
                                    SELECT lm.total(lm.fill(w.weight, h.d_head) * w.v)
                                    FROM (
                                        SELECT
                                            unnest(b.weights::real[]) AS weight,
                                            unnest(p.v) AS v
                                    ) AS w
                                    WHERE w.weight <> 0
                                )
                            FROM unnest(p.weights) AS b (weights)
                        )
                    ) AS z
                FROM here AS h
                CROSS JOIN pattern AS p
                CROSS JOIN LATERAL lm.product(
                    CASE WHEN cardinality(p.q) >= 8 THEN h.identity END, p.v
                ) AS transposed (v)
                CROSS JOIN LATERAL (
                    SELECT
                        CASE
                            WHEN transposed.v IS NOT NULL
                                THEN ARRAY(
                                    SELECT lm.pad(b.weights, subvector(h.zeros, 1, cardinality(p.v)))
                                    FROM unnest(p.weights) AS b (weights)
                                )
                        END AS weights
                    OFFSET 0
                ) AS padded
                CROSS JOIN LATERAL lm.product(padded.weights, transposed.v) AS many (z)
            ),

            -- the heads joined                                                [position, d_model]
            z AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'z', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(joined.x ORDER BY joined.row) AS x
                    FROM (
                        SELECT
                            b.row,
                            lm.concat(b.z ORDER BY head_z.head) AS x
                        FROM head_z
                        CROSS JOIN unnest(head_z.rows, head_z.z) AS b (row, z)
                        GROUP BY b.row
                    ) AS joined
                ) AS y
            ),

            -- attn_out = W_O z + b_O: the attention adjustment                [position, d_model]
            attn_out AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'attn_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN z
                CROSS JOIN LATERAL lm.linear(z.x, h.model_id, h.layer, 'attn_out') AS y (x)
            ),

            -- resid_mid = resid_pre + attn_out                                [position, d_model]
            resid_mid AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'resid_mid', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_pre AS r
                CROSS JOIN attn_out AS a
                CROSS JOIN LATERAL (SELECT lm.add(r.x, a.x) AS x OFFSET 0) AS y
            ),

            -- ln2 = LayerNorm(resid_mid)                                      [position, d_model]
            ln2 AS MATERIALIZED (
                SELECT lm.intervene(y.x, h.changes, 'ln2', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                INNER JOIN lm.layer_norm AS n
                    ON n.model_id = h.model_id AND n.layer = h.layer AND n.site = 'ln2'
                CROSS JOIN LATERAL lm.normalize(
                    r.x, n.gain, n.bias, h.layer_norm_eps, true
                ) AS y (x)
            ),

            -- mlp_pre = W_in ln2 + b_in                                         [position, d_mlp]
            mlp_pre AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_pre', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN ln2
                CROSS JOIN LATERAL lm.linear(ln2.x, h.model_id, h.layer, 'mlp_pre') AS y (x)
            ),

            -- mlp_post = gelu(mlp_pre)                                          [position, d_mlp]
            mlp_post AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN mlp_pre AS m
                CROSS JOIN LATERAL (SELECT lm.activate(m.x, 'gelu_new') AS x OFFSET 0) AS y
            ),

            -- mlp_out = Σ_block W_out[block] mlp_post[block] + b_out          [position, d_model]
            mlp_out AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'mlp_out', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN LATERAL (
                    SELECT array_agg(summed.x ORDER BY summed.row) AS x
                    FROM (
                        SELECT
                            part.row,
                            lm.total(part.x) AS x
                        FROM mlp_post AS m
                        CROSS JOIN generate_series(0, h.n_block - 1) AS b (block)
                        CROSS JOIN LATERAL (
                            SELECT lm.columns(m.x, b.block * h.d_model + 1, h.d_model) AS x
                            OFFSET 0
                        ) AS input
                        CROSS JOIN LATERAL lm.linear(
                            input.x, h.model_id, h.layer, 'mlp_out', b.block
                        ) AS y (x)
                        CROSS JOIN LATERAL unnest(y.x) WITH ORDINALITY AS part (x, row)
                        GROUP BY part.row
                    ) AS summed
                ) AS y
            ),

            -- resid_post = resid_mid + mlp_out                                [position, d_model]
            resid_post AS MATERIALIZED (
                SELECT
                    lm.intervene(y.x, h.changes, 'resid_post', h.layer, h.sequences, h.positions) AS x
                FROM here AS h
                CROSS JOIN resid_mid AS r
                CROSS JOIN mlp_out AS m
                CROSS JOIN LATERAL (SELECT lm.add(r.x, m.x) AS x OFFSET 0) AS y
            )

            SELECT
                h.layer,
                NULL::vector[] AS embed,
                NULL::vector[] AS pos_embed,
                CASE
                    WHEN 'resid_pre' = ANY (transformer.keep) THEN (SELECT x FROM resid_pre)
                END AS resid_pre,
                CASE WHEN 'ln1' = ANY (transformer.keep) THEN (SELECT x FROM ln1) END AS ln1,
                CASE WHEN 'q' = ANY (transformer.keep) THEN (SELECT q FROM qkv) END AS q,
                CASE WHEN 'k' = ANY (transformer.keep) THEN (SELECT k FROM qkv) END AS k,
                CASE WHEN 'v' = ANY (transformer.keep) THEN (SELECT v FROM qkv) END AS v,
                CASE
                    WHEN 'attn_scores' = ANY (transformer.keep)
                        THEN ARRAY(
                            SELECT b.scores
                            FROM attn_scores AS a
                            CROSS JOIN unnest(a.rows, a.scores) AS b (row, scores)
                            ORDER BY b.row, a.head
                        )
                END AS attn_scores,
                CASE
                    WHEN 'pattern' = ANY (transformer.keep)
                        THEN ARRAY(
                            SELECT b.weights
                            FROM pattern AS p
                            CROSS JOIN unnest(p.rows, p.weights) AS b (row, weights)
                            ORDER BY b.row, p.head
                        )
                END AS pattern,
                CASE WHEN 'z' = ANY (transformer.keep) THEN (SELECT x FROM z) END AS z,
                CASE
                    WHEN 'attn_out' = ANY (transformer.keep) THEN (SELECT x FROM attn_out)
                END AS attn_out,
                CASE
                    WHEN 'resid_mid' = ANY (transformer.keep) THEN (SELECT x FROM resid_mid)
                END AS resid_mid,
                CASE WHEN 'ln2' = ANY (transformer.keep) THEN (SELECT x FROM ln2) END AS ln2,
                CASE
                    WHEN 'mlp_pre' = ANY (transformer.keep) THEN (SELECT x FROM mlp_pre)
                END AS mlp_pre,
                CASE
                    WHEN 'mlp_post' = ANY (transformer.keep) THEN (SELECT x FROM mlp_post)
                END AS mlp_post,
                CASE
                    WHEN 'mlp_out' = ANY (transformer.keep) THEN (SELECT x FROM mlp_out)
                END AS mlp_out,
                (SELECT x FROM resid_post) AS resid_post
            FROM here AS h
        )
    )

    -- the rows of the matrices; a head's scores and weights are n_head rows for each position
    SELECT
        b.layer,
        r.sequence,
        r.position,
        r.embed,
        r.pos_embed,
        r.resid_pre,
        r.ln1,
        r.q,
        r.k,
        r.v,
        b.attn_scores[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        b.pattern[(r.row - 1) * size.n_head + 1:r.row * size.n_head],
        r.z,
        r.attn_out,
        r.resid_mid,
        r.ln2,
        r.mlp_pre,
        r.mlp_post,
        r.mlp_out,
        r.resid_post
    FROM block AS b
    CROSS JOIN size
    CROSS JOIN LATERAL unnest(
        transformer.sequence, transformer.position,
        b.embed, b.pos_embed, b.resid_pre, b.ln1, b.q, b.k, b.v, b.z, b.attn_out, b.resid_mid,
        b.ln2, b.mlp_pre, b.mlp_post, b.mlp_out, b.resid_post
    ) WITH ORDINALITY AS r (
        sequence, position,
        embed, pos_embed, resid_pre, ln1, q, k, v, z, attn_out, resid_mid,
        ln2, mlp_pre, mlp_post, mlp_out, resid_post, row
    );
END;

COMMENT ON FUNCTION lm.transformer IS
'The forward pass over a batch of positions, a row for each layer and position and a column for each site of keep; layer first_layer − 1 holds what enters (the embeddings, or resid). Keys and values from before the batch are those of a generation''s cache or of the run context_run. Writes nothing (Vaswani et al. 2017; Radford et al. 2019).';
