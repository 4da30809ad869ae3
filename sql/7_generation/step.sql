-- A step of a generation: it runs some positions, and reads the keys and values of earlier ones
-- from lm.attention_cache.

DO $$
BEGIN
    CREATE TYPE lm_internal.draw AS (
        sequence int,
        position int,
        token_id int,
        logit float8,
        probability float8
    );
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

COMMENT ON TYPE lm_internal.draw IS 'A token that was drawn to go on with.';
COMMENT ON COLUMN lm_internal.draw.sequence IS 'Which of the sequences that are generated together, from 0.';
COMMENT ON COLUMN lm_internal.draw.position IS 'The position that it takes, from 0.';
COMMENT ON COLUMN lm_internal.draw.token_id IS 'The token.';
COMMENT ON COLUMN lm_internal.draw.logit IS 'Its logit.';
COMMENT ON COLUMN lm_internal.draw.probability IS 'The model''s own probability of it; NULL: not wanted.';

CREATE OR REPLACE FUNCTION lm_internal.next_step(
    generation_id bigint,
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    draws boolean[],
    step int,
    temperature float8,
    top_k int,
    top_p float8,
    seed bigint,
    with_probability boolean,
    changes lm_internal.change[] DEFAULT NULL
)
RETURNS SETOF lm_internal.draw
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    WITH
    pass AS MATERIALIZED (
        SELECT t.*
        FROM lm_internal.transformer_parts(
            next_step.model_id, next_step.sequence, next_step.position, next_step.token_id,
            '{rot_k,v}', next_step.generation_id, next_step.changes
        ) AS t
    ),

    new_cache AS (
        INSERT INTO lm.attention_cache (generation_id, layer, sequence, position, key, value)
        SELECT
            next_step.generation_id,
            k.layer,
            next_step.sequence[k.n_before + b.row],
            next_step.position[k.n_before + b.row],
            b.key,
            b.value
        FROM pass AS k
        INNER JOIN pass AS v ON v.layer = k.layer AND v.n_before = k.n_before AND v.site = 'v'
        CROSS JOIN unnest(k.x, v.x) WITH ORDINALITY AS b (key, value, row)
        WHERE k.site = 'rot_k'
    ),

    -- the rows that predict: the last position of each sequence
    final AS MATERIALIZED (
        SELECT
            array_agg(p.n_before + b.row ORDER BY p.n_before, b.row) AS rows,
            array_agg(b.resid ORDER BY p.n_before, b.row) AS resid
        FROM pass AS p
        CROSS JOIN unnest(p.x) WITH ORDINALITY AS b (resid, row)
        WHERE p.site = 'resid_post' AND next_step.draws[p.n_before + b.row]
    ),

    prediction AS NOT MATERIALIZED (
        SELECT
            f.rows[1] AS row,
            lm_internal.logits(f.resid[1], next_step.model_id) AS logits
        FROM final AS f
        WHERE cardinality(f.rows) = 1

        UNION ALL

        SELECT
            f.rows[u.ordinal],
            u.logits::float8[]
        FROM final AS f
        CROSS JOIN LATERAL lm_internal.final_norm(f.resid, next_step.model_id) AS ln_final
        CROSS JOIN LATERAL lm_internal.unembed(ln_final, next_step.model_id) AS u
        WHERE cardinality(f.rows) > 1
    )

    SELECT
        next_step.sequence[p.row],
        next_step.position[p.row] + 1,
        d.token_id,
        d.logit,
        d.probability
    FROM prediction AS p
    CROSS JOIN LATERAL lm_internal.next_draw(
        p.logits,
        next_step.step,
        next_step.temperature,
        next_step.top_k,
        next_step.top_p,
        int8xor(next_step.seed, next_step.sequence[p.row]),
        next_step.with_probability
    ) AS d;
END;

COMMENT ON FUNCTION lm_internal.next_step IS
'Runs positions after what a generation has cached, and caches them too; those of a sequence stand together. Draws the token that follows a position where draws is true. Each sequence has a seed of its own, seed xor sequence.';
