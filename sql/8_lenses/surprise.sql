-- How much each token of a run surprised the model.

CREATE OR REPLACE FUNCTION lm.surprise(
    run_ids bigint[]
)
RETURNS TABLE (
    run_id bigint,
    "position" int,
    token_id int,
    token text,
    surprise float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            d.run_id,
            r.model_id,
            last.position AS last_position,
            s.site,
            CASE s.site WHEN 'ln_final' THEN m.n_layer ELSE m.n_layer - 1 END AS layer
        FROM (SELECT DISTINCT u.run_id FROM unnest(surprise.run_ids) AS u (run_id)) AS d
        -- raises an error if there is no such run; left joins, so that it is asked of each
        CROSS JOIN LATERAL lm.run_position(d.run_id) AS last (position)
        LEFT JOIN lm.run AS r ON r.run_id = d.run_id
        LEFT JOIN lm.model AS m ON m.model_id = r.model_id
        CROSS JOIN LATERAL lm_internal.final_site(r.capture) AS s (site)
        WHERE last.position = 0
            OR lm_internal.require_capture(
                d.run_id,
                ARRAY[s.site],
                CASE WHEN s.site = 'resid_post' THEN ARRAY[m.n_layer - 1] END,
                ARRAY(SELECT generate_series(0, last.position - 1))
            ) IS NOT NULL
    ),

    -- the states before each token, some of them at a time: a pass over the unembedding serves
    -- many, of whichever runs, and the logits of all are never in memory together
    state AS (
        SELECT
            i.model_id,
            i.site,
            t.run_id,
            t.position,
            t.token_id,
            a.value,
            (row_number() OVER (PARTITION BY i.model_id, i.site ORDER BY t.run_id, t.position) - 1)
            / lm_internal.positions_at_once() AS part
        FROM input AS i
        INNER JOIN lm.activation AS a
            ON a.run_id = i.run_id
            AND a.site = i.site
            AND a.layer = i.layer
            AND a.head = -1
            AND a.position < i.last_position
        INNER JOIN lm.run_token AS t ON t.run_id = a.run_id AND t.position = a.position + 1
    ),

    part AS MATERIALIZED (
        SELECT
            s.model_id,
            s.site,
            array_agg(s.run_id ORDER BY s.run_id, s.position) AS run_ids,
            array_agg(s.position ORDER BY s.run_id, s.position) AS positions,
            array_agg(s.token_id ORDER BY s.run_id, s.position) AS token_ids,
            array_agg(s.value ORDER BY s.run_id, s.position) AS x
        FROM state AS s
        GROUP BY s.model_id, s.site, s.part
    ),

    -- ln p = logit − ln Σ e^logit
    prediction AS MATERIALIZED (
        SELECT
            p.run_ids[u.ordinal] AS run_id,
            p.positions[u.ordinal] AS position,
            u.logits[p.token_ids[u.ordinal] + 1] - lm_internal.log_sum_exp(u.logits) AS ln_p
        FROM part AS p
        CROSS JOIN LATERAL lm_internal.final_norm(p.x, p.model_id) AS normed
        CROSS JOIN LATERAL lm_internal.unembed(
            CASE p.site WHEN 'ln_final' THEN p.x ELSE normed END, p.model_id
        ) AS u
    )

    -- surprise = −ln p(token | those before it)
    SELECT
        t.run_id,
        t.position,
        t.token_id,
        t.token,
        -p.ln_p,
        lm_internal.exp(p.ln_p)
    FROM input AS i
    INNER JOIN lm.token AS t ON t.run_id = i.run_id
    LEFT JOIN prediction AS p ON p.run_id = t.run_id AND p.position = t.position
    ORDER BY t.run_id, t.position;
END;

COMMENT ON FUNCTION lm.surprise(bigint[]) IS
'How much each token of these runs surprised the model, given the tokens before it: −ln probability, in nats. NULL for the first token of a run. Errors: there is no such run; it captured neither ln_final nor resid_post of the last layer at every position.';

CREATE OR REPLACE FUNCTION lm.surprise(
    run_id bigint
)
RETURNS TABLE (
    "position" int,
    token_id int,
    token text,
    surprise float8,
    probability float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        s.position,
        s.token_id,
        s.token,
        s.surprise,
        s.probability
    FROM lm.surprise(ARRAY[surprise.run_id]) AS s
    ORDER BY s.position;
END;

COMMENT ON FUNCTION lm.surprise(bigint) IS
'lm.surprise of one run. Errors: the same.';

CREATE OR REPLACE FUNCTION lm.perplexity(
    run_ids bigint[]
)
RETURNS TABLE (
    run_id bigint,
    perplexity float8
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        s.run_id,
        exp(avg(s.surprise))
    FROM lm.surprise(perplexity.run_ids) AS s
    GROUP BY s.run_id
    ORDER BY s.run_id;
END;

COMMENT ON FUNCTION lm.perplexity(bigint[]) IS
'Perplexity of each of these runs: e to the mean surprise of its tokens. NULL for a run of one token. Errors: those of lm.surprise.';

CREATE OR REPLACE FUNCTION lm.perplexity(
    run_id bigint
)
RETURNS float8
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT exp(avg(s.surprise))
    FROM lm.surprise(perplexity.run_id) AS s;
END;

COMMENT ON FUNCTION lm.perplexity(bigint) IS
'Perplexity of one run. Errors: those of lm.surprise.';
