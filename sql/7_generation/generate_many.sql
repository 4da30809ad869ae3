-- Many texts, continued together.

CREATE OR REPLACE FUNCTION lm.generate_many(
    prompts text[],
    n_tokens int DEFAULT 20,
    temperature float8 DEFAULT 0,
    top_k int DEFAULT NULL,
    top_p float8 DEFAULT NULL,
    seed bigint DEFAULT NULL,
    model text DEFAULT NULL,
    interventions text DEFAULT NULL
)
RETURNS TABLE (
    ordinal int,
    text text
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.name,
            m.end_of_text,
            COALESCE(generate_many.seed, (random() * (1::bigint << 53))::bigint) AS seed
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(generate_many.model)
    )

    SELECT
        s.ordinal,
        s.text
    FROM input AS i
    -- thirty-two at a time: as many as a weight that is read meets at once
    CROSS JOIN generate_series(0, cardinality(generate_many.prompts) - 1, 32) AS n_before
    CROSS JOIN LATERAL (
        SELECT
            n_before + p.place::int AS ordinal,
            lm.decode(
                COALESCE(
                    array_agg(g.token_id ORDER BY g.step)
                        FILTER (WHERE g.step >= 0 AND g.token_id IS DISTINCT FROM i.end_of_text),
                    '{}'
                ),
                i.name
            ) AS text
        FROM unnest(generate_many.prompts[n_before + 1:n_before + 32])
            WITH ORDINALITY AS p (prompt, place)
        LEFT JOIN lm_internal.generated(
            generate_many.prompts[n_before + 1:n_before + 32],
            generate_many.n_tokens,
            generate_many.temperature,
            generate_many.top_k,
            generate_many.top_p,
            int8xor(i.seed, n_before),
            i.model_id,
            generate_many.interventions
        ) AS g ON g.sequence = p.place - 1
        GROUP BY p.place
        ORDER BY p.place
        OFFSET 0
    ) AS s;
END;

COMMENT ON FUNCTION lm.generate_many IS
'The continuation of each prompt, as lm.generate gives it: a row for each, ordinal from 1, thirty-two at a time as they are done. A weight that is read serves all of them, so eight texts take little more than twice the time of one. Prompt i draws as it would alone with the seed int8xor(seed, i − 1). Errors: those of lm.generate, for the first prompt that has one.';
