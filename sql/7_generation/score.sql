-- How likely texts are to follow.

CREATE OR REPLACE FUNCTION lm_internal.score_pass(
    model_id int,
    sequence int[],
    "position" int[],
    token_id int[],
    parent int[],
    predicts boolean[]
)
RETURNS TABLE (
    sequence int,
    "position" int,
    logits float8[],
    log_total float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- the states that predict, some at a time: a vocabulary of logits each is much
    part AS MATERIALIZED (
        SELECT
            array_agg(r.row ORDER BY r.row) AS rows,
            array_agg(r.resid ORDER BY r.row) AS resid
        FROM (
            SELECT
                t.n_before + b.row AS row,
                b.resid,
                row_number() OVER (ORDER BY t.n_before, b.row) AS number
            FROM lm_internal.transformer_parts(
                score_pass.model_id,
                score_pass.sequence,
                score_pass.position,
                score_pass.token_id,
                '{}',
                parent => score_pass.parent
            ) AS t
            CROSS JOIN unnest(t.x) WITH ORDINALITY AS b (resid, row)
            WHERE t.site = 'resid_post' AND score_pass.predicts[t.n_before + b.row]
        ) AS r
        GROUP BY (r.number - 1) / lm_internal.positions_at_once()
    )

    SELECT
        score_pass.sequence[p.rows[u.ordinal]],
        score_pass.position[p.rows[u.ordinal]],
        u.logits,
        lm_internal.log_sum_exp(u.logits)
    FROM part AS p
    CROSS JOIN LATERAL lm_internal.final_norm(p.resid, score_pass.model_id) AS ln_final
    CROSS JOIN LATERAL lm_internal.unembed(ln_final, score_pass.model_id) AS u;
END;

COMMENT ON FUNCTION lm_internal.score_pass IS
'One pass over some sequences: of each position that predicts, the logits, [n_vocab], and the logarithm of Σ e^logit.';

CREATE OR REPLACE FUNCTION lm.score(
    prompts text[],
    continuations text[],
    model text DEFAULT NULL
)
RETURNS TABLE (
    prompt_ordinal int,
    continuation_ordinal int,
    n_tokens int,
    log_probability float8,
    mean_log_probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            m.name
        FROM lm.model AS m
        WHERE m.model_id = lm.model_id(score.model)
    ),

    -- Prompt and continuation are read as one text. What parts from the tokens of the prompt alone
    -- is the continuation's: as a rule that is all behind them.
    pair AS MATERIALIZED (
        SELECT
            p.ordinal AS prompt,
            c.ordinal AS continuation,
            w.tokens,
            n.own AS n_own
        FROM input AS i
        CROSS JOIN LATERAL (
            SELECT
                o.ordinal::int AS ordinal,
                o.prompt,
                lm.encode(o.prompt, i.name) AS tokens
            FROM unnest(score.prompts) WITH ORDINALITY AS o (prompt, ordinal)
            OFFSET 0
        ) AS p
        CROSS JOIN unnest(score.continuations) WITH ORDINALITY AS c (continuation, ordinal)
        CROSS JOIN LATERAL (
            SELECT lm_internal.prompt_tokens(p.prompt || c.continuation, NULL, i.model_id) AS tokens
            OFFSET 0
        ) AS w
        CROSS JOIN LATERAL (
            SELECT COALESCE(min(t.place)::int - 1, cardinality(w.tokens)) AS own
            FROM unnest(p.tokens, w.tokens) WITH ORDINALITY AS t (alone, together, place)
            WHERE t.alone IS DISTINCT FROM t.together
        ) AS n
        WHERE
            CASE
                WHEN n.own = 0
                    THEN lm_internal.fail(
                        true,
                        format(
                            'prompt %s leaves no token before continuation %s', p.ordinal, c.ordinal
                        ),
                        'a model goes on from one token at least; the two are read as one text'
                    )
                WHEN n.own = cardinality(w.tokens)
                    THEN lm_internal.fail(true, format('continuation %s is empty', c.ordinal))
                ELSE true
            END
    ),

    -- The tokens that a prompt has whatever follows are run once, as a sequence from which its
    -- continuations go on. A pass takes so many prompts that it is worth its start.
    prompt AS MATERIALIZED (
        SELECT
            p.prompt AS ordinal,
            min(p.n_own) AS n_shared,
            p.prompt * (cardinality(score.continuations) + 1) AS sequence,
            sum(min(p.n_own) + sum(cardinality(p.tokens) - 1 - p.n_own)) OVER (ORDER BY p.prompt)
                / lm_internal.tokens_in_a_pass() AS pass
        FROM pair AS p
        GROUP BY p.prompt
    ),

    -- the last token of a continuation predicts nothing
    token AS MATERIALIZED (
        SELECT
            r.pass,
            r.sequence,
            NULL::int AS parent,
            t.place::int - 1 AS position,
            t.token_id
        FROM prompt AS r
        INNER JOIN pair AS p ON p.prompt = r.ordinal AND p.continuation = 1
        CROSS JOIN unnest(p.tokens[:r.n_shared]) WITH ORDINALITY AS t (token_id, place)

        UNION ALL

        SELECT
            r.pass,
            r.sequence + p.continuation::int,
            r.sequence,
            r.n_shared + t.place::int - 1,
            t.token_id
        FROM prompt AS r
        INNER JOIN pair AS p ON p.prompt = r.ordinal
        CROSS JOIN unnest(p.tokens[r.n_shared + 1:cardinality(p.tokens) - 1])
            WITH ORDINALITY AS t (token_id, place)
    ),

    -- each token of a continuation, and what predicts it
    target AS MATERIALIZED (
        SELECT
            p.prompt,
            p.continuation,
            t.token_id,
            r.sequence + CASE WHEN t.place > r.n_shared + 1 THEN p.continuation::int ELSE 0 END
                AS sequence,
            t.place::int - 2 AS position
        FROM prompt AS r
        INNER JOIN pair AS p ON p.prompt = r.ordinal
        CROSS JOIN unnest(p.tokens) WITH ORDINALITY AS t (token_id, place)
        WHERE t.place > p.n_own
    ),

    batch AS MATERIALIZED (
        SELECT
            array_agg(b.sequence ORDER BY b.sequence, b.position) AS sequence,
            array_agg(b.position ORDER BY b.sequence, b.position) AS position,
            array_agg(b.token_id ORDER BY b.sequence, b.position) AS token_id,
            array_agg(b.parent ORDER BY b.sequence, b.position) AS parent,
            array_agg(b.predicts ORDER BY b.sequence, b.position) AS predicts
        FROM (
            SELECT
                t.pass,
                t.sequence,
                t.parent,
                t.position,
                t.token_id,
                EXISTS (
                    SELECT FROM target AS g
                    WHERE g.sequence = t.sequence AND g.position = t.position
                ) AS predicts
            FROM token AS t
        ) AS b
        GROUP BY b.pass
        ORDER BY b.pass
    )

    -- ln p = Σ_token logit − ln Σ e^logit
    SELECT scored.*
    FROM input AS i
    CROSS JOIN batch AS b
    CROSS JOIN LATERAL (
        SELECT
            t.prompt,
            t.continuation::int,
            count(*)::int,
            sum(t.log_probability),
            avg(t.log_probability)
        FROM (
            SELECT
                g.prompt,
                g.continuation,
                s.logits[g.token_id + 1] - s.log_total AS log_probability
            FROM lm_internal.score_pass(
                i.model_id, b.sequence, b.position, b.token_id, b.parent, b.predicts
            ) AS s
            INNER JOIN target AS g ON g.sequence = s.sequence AND g.position = s.position
            OFFSET 0
        ) AS t
        GROUP BY t.prompt, t.continuation
        ORDER BY t.prompt, t.continuation
        OFFSET 0
    ) AS scored;
END;

COMMENT ON FUNCTION lm.score IS
'How likely each continuation is after each prompt: log_probability is the sum of ln p over its tokens, mean_log_probability their mean. Ordinals count from 1. The prompt is run once for all its continuations. Prompt and continuation are read as one text, as the LM Evaluation Harness does (Gao et al. 2023), so a word begins with its space: '' good''. Writes nothing. Errors: a continuation without a token; a prompt without one; those of lm.forward.';
