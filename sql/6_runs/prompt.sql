-- Prompt in: the tokens to run.

CREATE OR REPLACE FUNCTION lm_internal.prompt_tokens(
    prompt text,
    token_ids int[],
    model_id int
)
RETURNS int[]
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    given AS MATERIALIZED (
        SELECT
            m.*,
            CASE
                WHEN prompt_tokens.prompt IS NOT NULL AND prompt_tokens.token_ids IS NOT NULL
                    THEN lm_internal.fail(
                        NULL::int[], 'a prompt and token_ids are both given: give one'
                    )
                WHEN prompt_tokens.prompt IS NULL AND prompt_tokens.token_ids IS NULL
                    THEN lm_internal.fail(
                        NULL::int[], 'no prompt: it is NULL', 'give a text, or token_ids => int[]'
                    )
                -- counted without looking at it
                WHEN octet_length(prompt_tokens.prompt) > m.n_ctx::bigint * t.longest
                    THEN lm_internal.fail(
                        NULL::int[],
                        format(
                            'the prompt has %s tokens or more and model "%s" has positions for %s',
                            octet_length(prompt_tokens.prompt) / t.longest, m.name, m.n_ctx
                        ),
                        'shorten it; SELECT count(*) FROM lm.tokenize(prompt) counts its tokens'
                    )
                WHEN prompt_tokens.prompt IS NOT NULL
                    THEN lm.encode(prompt_tokens.prompt, m.name)
                ELSE prompt_tokens.token_ids
            END AS tokens
        FROM lm.model AS m
        LEFT JOIN lm.tokenizer AS t ON t.model_id = m.model_id
        WHERE m.model_id = prompt_tokens.model_id
    )

    SELECT
        CASE
            WHEN cardinality(g.tokens) = 0
                THEN lm_internal.fail(
                    NULL::int[], 'the prompt is empty: a model needs one token at least'
                )
            WHEN cardinality(g.tokens) > g.n_ctx
                THEN lm_internal.fail(
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
                THEN lm_internal.fail(
                    NULL::int[],
                    format(
                        'model "%s" has tokens 0 to %s; token_ids holds others',
                        g.name, g.n_vocab - 1
                    )
                )
            ELSE g.tokens
        END
    FROM given AS g;
END;

COMMENT ON FUNCTION lm_internal.prompt_tokens IS
'The tokens to run, from a prompt or from token ids. Errors: neither or both given; none; more than n_ctx; an id outside the vocabulary.';

CREATE OR REPLACE FUNCTION lm.token_id(
    token text,
    model text DEFAULT NULL
)
RETURNS int
LANGUAGE sql
STABLE
-- so costly that the planner calls it once, for an index, and not for each row
COST 100000
BEGIN ATOMIC
    WITH
    -- the token of just this text; else what the text becomes, nothing put in front
    encoded AS MATERIALIZED (
        SELECT
            m.name,
            COALESCE(
                (
                    SELECT ARRAY[v.token_id]
                    FROM lm.vocabulary AS v
                    WHERE v.model_id = m.model_id
                        AND v.bytes = convert_to(token_id.token, 'UTF8')
                        AND v.kind <> 'unmerged'
                        AND NOT EXISTS (
                            SELECT
                            FROM lm.added_token AS a
                            WHERE a.model_id = m.model_id
                                AND a.normalized IN (false, true)
                                AND a.content = token_id.token
                        )
                    ORDER BY v.kind
                    LIMIT 1
                ),
                lm.encode(token_id.token, m.name, add_special => false)
            ) AS ids
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(token_id.model)
    )

    SELECT
        CASE
            WHEN cardinality(e.ids) = 1 THEN e.ids[1]
            ELSE lm_internal.fail(
                NULL::int,
                format(
                    '"%s" is not one token of model "%s" but %s',
                    token_id.token, e.name, COALESCE(cardinality(e.ids), 0)
                ),
                format(
                    'SELECT * FROM lm.tokenize(%L, %L); most words begin with a space',
                    token_id.token, e.name
                )
            )
        END
    FROM encoded AS e;
END;

COMMENT ON FUNCTION lm.token_id IS
'The number of a token given as text, " king" say. Errors: a text that is not exactly one token.';

CREATE OR REPLACE FUNCTION lm.embedding(
    token text,
    model text DEFAULT NULL
)
RETURNS vector
LANGUAGE sql
STABLE
RETURN (
    SELECT e.weight
    FROM lm_internal.embedding_of(
        lm.model_id(embedding.model), lm.token_id(embedding.token, embedding.model)
    ) AS e
);

COMMENT ON FUNCTION lm.embedding IS
'The embedding of a token given as text, [d_model]: to compare, add and subtract, or steer with. Errors: those of lm.token_id.';
