-- The rows of W_E and W_U, whatever they are stored as: of either dtype, whole or cut in blocks,
-- the unembedding tied or of its own. Without SET, so that all of these are inlined.

CREATE OR REPLACE FUNCTION lm_internal.is_whole(
    model_id int
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN (
    SELECT m.d_block >= m.d_model FROM lm.model AS m WHERE m.model_id = is_whole.model_id
);

COMMENT ON FUNCTION lm_internal.is_whole IS 'Whether an embedding is one row, not cut in blocks.';

CREATE OR REPLACE FUNCTION lm_internal.embedding_of(
    model_id int,
    token_id int
)
RETURNS TABLE (weight vector)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT lm.concat(COALESCE(e.embedding, e.embedding_half::vector) ORDER BY e.block)
    FROM lm.token_embedding AS e
    WHERE e.model_id = embedding_of.model_id AND e.token_id = embedding_of.token_id
    HAVING count(*) > 0;
END;

COMMENT ON FUNCTION lm_internal.embedding_of IS 'W_E[token], [d_model]; no row where there is no such token.';

CREATE OR REPLACE FUNCTION lm_internal.embedding_rows(
    model_id int
)
RETURNS TABLE (
    token_id int,
    weight vector
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 50000
BEGIN ATOMIC
    SELECT
        e.token_id,
        COALESCE(e.embedding, e.embedding_half::vector)
    FROM lm.token_embedding AS e
    WHERE e.model_id = embedding_rows.model_id AND lm_internal.is_whole(embedding_rows.model_id)

    UNION ALL

    SELECT
        e.token_id,
        lm.concat(COALESCE(e.embedding, e.embedding_half::vector) ORDER BY e.block)
    FROM lm.token_embedding AS e
    WHERE e.model_id = embedding_rows.model_id AND NOT lm_internal.is_whole(embedding_rows.model_id)
    GROUP BY e.token_id;
END;

COMMENT ON FUNCTION lm_internal.embedding_rows IS 'W_E, a row for each token, [d_model].';

-- Each branch is in the order of its key, so that who asks for the order need not sort.
CREATE OR REPLACE FUNCTION lm_internal.unembedding_blocks(
    model_id int
)
RETURNS TABLE (
    token_id int,
    block int,
    bias real,
    weight vector,
    weight_half halfvec
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 50000
BEGIN ATOMIC
    (
        SELECT
            u.token_id,
            u.block,
            u.bias,
            u.weight,
            u.weight_half
        FROM lm.unembedding AS u
        WHERE u.model_id = unembedding_blocks.model_id
        ORDER BY u.token_id, u.block
    )

    UNION ALL

    -- tied
    (
        SELECT
            e.token_id,
            e.block,
            0::real,
            e.embedding,
            e.embedding_half
        FROM lm.token_embedding AS e
        WHERE e.model_id = unembedding_blocks.model_id
            AND NOT EXISTS (
                SELECT FROM lm.unembedding AS u WHERE u.model_id = unembedding_blocks.model_id
            )
        ORDER BY e.token_id, e.block
    );
END;

COMMENT ON FUNCTION lm_internal.unembedding_blocks IS
'W_U and its biases as they are stored, a row for each token and block: the model''s own, or W_E where they are tied.';

CREATE OR REPLACE FUNCTION lm_internal.unembedding_of(
    model_id int,
    token_id int
)
RETURNS TABLE (
    bias real,
    weight vector
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 1
BEGIN ATOMIC
    SELECT
        sum(u.bias),
        lm.concat(COALESCE(u.weight, u.weight_half::vector) ORDER BY u.block)
    FROM lm_internal.unembedding_blocks(unembedding_of.model_id) AS u
    WHERE u.token_id = unembedding_of.token_id
    HAVING count(*) > 0;
END;

COMMENT ON FUNCTION lm_internal.unembedding_of IS
'W_U[token], [d_model], and its bias; no row where there is no such token.';

CREATE OR REPLACE FUNCTION lm_internal.unembedding_rows(
    model_id int
)
RETURNS TABLE (
    token_id int,
    bias real,
    weight vector
)
LANGUAGE sql
STABLE
PARALLEL SAFE
ROWS 50000
BEGIN ATOMIC
    -- not by lm_internal.unembedding_blocks, which is one more level for each row to pass
    (
        SELECT
            u.token_id,
            u.bias,
            COALESCE(u.weight, u.weight_half::vector)
        FROM lm.unembedding AS u
        WHERE u.model_id = unembedding_rows.model_id
            AND lm_internal.is_whole(unembedding_rows.model_id)
        ORDER BY u.token_id, u.block
    )

    UNION ALL

    (
        SELECT
            e.token_id,
            0::real,
            COALESCE(e.embedding, e.embedding_half::vector)
        FROM lm.token_embedding AS e
        WHERE e.model_id = unembedding_rows.model_id
            AND lm_internal.is_whole(unembedding_rows.model_id)
            AND NOT EXISTS (
                SELECT FROM lm.unembedding AS u WHERE u.model_id = unembedding_rows.model_id
            )
        ORDER BY e.token_id, e.block
    )

    UNION ALL

    (
        SELECT
            u.token_id,
            sum(u.bias),
            lm.concat(COALESCE(u.weight, u.weight_half::vector) ORDER BY u.block)
        FROM lm_internal.unembedding_blocks(unembedding_rows.model_id) AS u
        WHERE NOT lm_internal.is_whole(unembedding_rows.model_id)
        GROUP BY u.token_id
        ORDER BY u.token_id
    );
END;

COMMENT ON FUNCTION lm_internal.unembedding_rows IS 'W_U and its biases, a row for each token, [d_model].';
