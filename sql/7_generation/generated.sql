-- Generation: a recursive query over tokens. One text or several, it is the same query.

-- Declared STABLE, which it is not, and without SET, so that the planner inlines it. Rows then
-- arrive as they are made (a cursor, psql's FETCH_COUNT) and not all at the end.
CREATE OR REPLACE FUNCTION lm_internal.generated(
    prompts text[],
    n_tokens int,
    temperature float8,
    top_k int,
    top_p float8,
    seed bigint,
    model_id int,
    interventions text,
    keep_cache boolean DEFAULT false,
    with_probability boolean DEFAULT false
)
RETURNS TABLE (
    sequence int,
    step int,
    token_id int,
    logit float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH RECURSIVE
    -- the tokens of all prompts end to end, and whether each is the last of its prompt
    prompt AS MATERIALIZED (
        SELECT
            array_agg(b.sequence ORDER BY b.sequence, b.position) AS sequence,
            array_agg(b.position ORDER BY b.sequence, b.position) AS position,
            array_agg(b.token_id ORDER BY b.sequence, b.position) AS token_id,
            array_agg(b.position = b.n_token - 1 ORDER BY b.sequence, b.position) AS is_last
        FROM (
            SELECT
                p.sequence,
                t.place::int - 1 AS position,
                t.token_id,
                cardinality(p.tokens) AS n_token
            FROM (
                SELECT
                    o.ordinal::int - 1 AS sequence,
                    lm_internal.prompt_tokens(o.prompt, NULL, generated.model_id) AS tokens
                FROM unnest(generated.prompts) WITH ORDINALITY AS o (prompt, ordinal)
                OFFSET 0
            ) AS p
            CROSS JOIN unnest(p.tokens) WITH ORDINALITY AS t (token_id, place)
        ) AS b
    ),

    input AS MATERIALIZED (
        SELECT
            m.n_ctx,
            m.end_of_text,
            lm_internal.changes(
                generated.interventions, m.model_id, p.sequence, m.n_ctx - 1
            ) AS changes,
            COALESCE(generated.seed, (random() * (1::bigint << 53))::bigint) AS seed,
            lm_internal.start_generation(
                m.model_id, generated.n_tokens, generated.temperature, generated.top_k,
                generated.top_p, generated.keep_cache
            ) AS generation_id
        FROM prompt AS p
        CROSS JOIN lm.model AS m
        WHERE m.model_id = generated.model_id
    ),

    -- The prompts are read sixty-four tokens at a time, to bound memory, and step is −1 meanwhile.
    -- Then the token that each sequence has drawn is read, of all that go on together.
    drawn AS (
        SELECT
            -1 AS step,
            0 AS n_read,
            '{}'::lm_internal.draw[] AS draws
        FROM prompt AS p
        WHERE generated.n_tokens > 0 AND cardinality(p.token_id) > 0

        UNION ALL

        SELECT
            CASE WHEN batch.is_last THEN d.step + 1 ELSE -1 END,
            batch.n_read,
            CASE WHEN d.step < 0 THEN d.draws ELSE '{}' END || ARRAY(
                SELECT n
                FROM lm_internal.next_step(
                    i.generation_id, generated.model_id, batch.sequence, batch.position,
                    batch.token_id, batch.draws, d.step + 1,
                    generated.temperature, generated.top_k, generated.top_p, i.seed,
                    generated.with_probability, i.changes
                ) AS n
            )
        FROM drawn AS d
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT
                p.sequence[piece.first:piece.last] AS sequence,
                p.position[piece.first:piece.last] AS position,
                p.token_id[piece.first:piece.last] AS token_id,
                p.is_last[piece.first:piece.last] AS draws,
                piece.last AS n_read,
                piece.last >= cardinality(p.token_id) AS is_last
            FROM prompt AS p
            CROSS JOIN LATERAL (
                VALUES (d.n_read + 1, d.n_read + lm_internal.positions_at_once())
            ) AS piece (first, last)
            WHERE d.step < 0

            UNION ALL

            SELECT
                array_agg(n.sequence ORDER BY n.sequence),
                array_agg(n.position ORDER BY n.sequence),
                array_agg(n.token_id ORDER BY n.sequence),
                array_agg(true),
                d.n_read,
                true
            FROM unnest(d.draws) AS n
            WHERE d.step >= 0
                AND d.step + 1 < generated.n_tokens
                AND n.token_id IS DISTINCT FROM i.end_of_text
                AND CASE
                    WHEN n.position >= i.n_ctx THEN NOT lm_internal.context_is_full(i.n_ctx)
                    ELSE true
                END
            HAVING count(*) > 0
        ) AS batch
    )

    SELECT
        n.sequence,
        d.step,
        n.token_id,
        n.logit,
        n.probability
    FROM drawn AS d
    CROSS JOIN unnest(d.draws) AS n
    WHERE d.step >= 0

    UNION ALL

    -- no row, but the end of the cache once the last token has been taken
    SELECT
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM input AS i
    WHERE NOT lm_internal.end_generation(i.generation_id);
END;

COMMENT ON FUNCTION lm_internal.generated IS
'Continues prompts together: a row for each token as it comes, step and sequence from 0. A weight is read once for all that still go on. Each ends as lm.generate_tokens says.';
