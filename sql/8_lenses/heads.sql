-- What each head adds to the residual stream.

CREATE OR REPLACE FUNCTION lm_internal.centred(
    x vector,
    norm_is_centred boolean
)
RETURNS vector
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        CASE
            WHEN centred.norm_is_centred
                THEN centred.x - lm.fill(-(centred.x <#> lm.fill(1, width)) / width, width)
            ELSE centred.x
        END
    FROM vector_dims(centred.x) AS width;
END;

COMMENT ON FUNCTION lm_internal.centred IS
'What a norm divides by its size: x less its mean where the norm is centred, x itself elsewhere.';

CREATE OR REPLACE FUNCTION lm_internal.norm_scale(
    x vector,
    eps float8,
    norm_is_centred boolean
)
RETURNS float8
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        1 / sqrt(
            vector_norm(lm_internal.centred(norm_scale.x, norm_scale.norm_is_centred)) ^ 2
            / vector_dims(norm_scale.x) + norm_scale.eps
        );
END;

COMMENT ON FUNCTION lm_internal.norm_scale IS
'1 / σ, what the norm of x multiplies by. Held, it makes the norm linear: parts of x are then normed one by one, and add up.';

CREATE OR REPLACE FUNCTION lm.head_results(
    run_id bigint,
    "position" int DEFAULT -1
)
RETURNS TABLE (
    layer int,
    head int,
    result vector
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.*,
            p.position
        FROM lm.run_position(head_results.run_id, head_results.position) AS p (position)
        INNER JOIN lm.model AS m
            ON m.model_id = lm_internal.require_capture(
                head_results.run_id, '{z}', NULL, ARRAY[p.position]
            )
    ),

    -- z with one head kept and the others zero; last, with all heads zero
    --                                                            [layer, head + 1, n_head · d_head]
    alone AS MATERIALIZED (
        SELECT
            c.layer,
            array_agg(
                lm_internal.pad(
                    (array_fill(0::real, ARRAY[c.head * i.d_head]) || c.value::real[])::vector,
                    lm.fill(0, i.n_head * i.d_head)
                )
                ORDER BY c.head
            ) || lm.fill(0, i.n_head * i.d_head) AS z
        FROM input AS i
        -- a left join: input, which raises the errors, is computed even if there are no such rows
        LEFT JOIN lm.captured AS c
            ON c.run_id = head_results.run_id
            AND c.site = 'z'
            AND c.position = i.position
        GROUP BY c.layer, i.n_head, i.d_head
        HAVING count(c.layer) > 0
    ),

    -- W_O z of each head alone; last, b_O                                [layer, head + 1, d_model]
    part AS MATERIALIZED (
        SELECT
            a.layer,
            CASE WHEN h.number <= i.n_head THEN h.number::int - 1 ELSE -1 END AS head,
            CASE WHEN h.number <= i.n_head THEN h.x - y[i.n_head + 1] ELSE h.x END AS x
        FROM input AS i
        CROSS JOIN alone AS a
        CROSS JOIN LATERAL lm_internal.project('attn_out', a.z, i.model_id, a.layer, i.d_block) AS y
        CROSS JOIN LATERAL unnest(y) WITH ORDINALITY AS h (x, number)
    ),

    -- a norm after attention, its scale that of all parts together                       [layer]
    norm AS MATERIALIZED (
        SELECT
            p.layer,
            n.gain * lm.fill(
                lm_internal.norm_scale(
                    lm.total(p.x), i.layer_norm_eps, i.norm_is_centred
                ), i.d_model
            ) AS gain,
            n.bias
        FROM input AS i
        CROSS JOIN part AS p
        INNER JOIN lm.layer_norm AS n
            ON n.model_id = i.model_id AND n.layer = p.layer AND n.site = 'ln1_post'
        GROUP BY p.layer, n.gain, n.bias, i.layer_norm_eps, i.norm_is_centred, i.d_model
    )

    -- result = W_O z, or γ / σ ⊙ W_O z; β goes with b_O
    SELECT
        p.layer,
        p.head,
        CASE
            WHEN n.gain IS NULL THEN p.x
            WHEN p.head = -1 THEN n.gain * lm_internal.centred(p.x, i.norm_is_centred) + n.bias
            ELSE n.gain * lm_internal.centred(p.x, i.norm_is_centred)
        END
    FROM input AS i
    CROSS JOIN part AS p
    LEFT JOIN norm AS n ON n.layer = p.layer
    ORDER BY p.layer, p.head;
END;

COMMENT ON FUNCTION lm.head_results IS
'What each head adds to the residual stream at a position (−1: the last), [d_model]. Head −1 is the bias b_O; the rows of a layer add up to its attn_out. Where a norm follows attention, its scale is held fixed at that of all heads together, and its bias is added to head −1. TransformerLens calls this result. Errors: there is no such run or position; z was not captured there.';
