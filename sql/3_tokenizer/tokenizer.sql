-- From text to tokens: text is cut into pieces, and the pieces are merged into tokens.

-- The settings: one plan for all prompts, pieces joined by hashing rather than sorted, and no JIT,
-- which takes longer than the query.
CREATE OR REPLACE FUNCTION lm.tokenize(
    prompt text,
    model text DEFAULT NULL,
    add_special boolean DEFAULT true
)
RETURNS TABLE ("position" int, token_id int, token text)
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
SET enable_mergejoin = off
SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE
    input AS MATERIALIZED (
        SELECT
            t.*,
            -- compared by its bytes from here on, whatever the locale
            COALESCE(
                tokenize.prompt,
                lm_internal.fail(
                    NULL::text, 'no prompt: it is NULL', 'give a text; '''' has no tokens'
                )
            ) COLLATE "C" AS prompt,
            COALESCE(
                tokenize.add_special,
                lm_internal.fail(NULL::boolean, 'add_special is NULL', 'give true or false')
            ) AS add_special
        FROM lm_internal.tokenizer(tokenize.model) AS t
    ),

    -- added tokens cut the text into segments; each stands at the end of its segment
    segment AS MATERIALIZED (
        SELECT s.segment, s.text, s.token_id
        FROM input AS i
        CROSS JOIN LATERAL lm_internal.split_at_added(i.prompt, i.model_id, false) AS s
    ),

    normalized AS (
        SELECT
            s.segment,
            CASE WHEN i.space_before = 'segment' AND s.text <> '' THEN '▁' ELSE '' END
            || CASE i.normalizer
                WHEN 'nfc' THEN lm_internal.nfc(s.text)
                WHEN 'marks' THEN replace(s.text, ' ', '▁')
                ELSE s.text
            END AS text
        FROM input AS i
        CROSS JOIN segment AS s
    ),

    -- those that are looked for only now cut segments into parts
    part AS MATERIALIZED (
        SELECT n.segment, p.segment AS part, p.text, p.token_id
        FROM input AS i
        CROSS JOIN normalized AS n
        CROSS JOIN LATERAL lm_internal.split_at_added(n.text, i.model_id, true) AS p
    ),

    piece AS MATERIALIZED (
        SELECT p.segment, p.part, m.number, m.match[1] COLLATE "C" AS piece
        FROM input AS i
        CROSS JOIN part AS p
        CROSS JOIN LATERAL (
            SELECT lm_internal.marks_as_spaces(p.text, i.foreign_character) AS text OFFSET 0
        ) AS t
        CROSS JOIN LATERAL regexp_matches(
            CASE
                WHEN t.text = '' OR starts_with(t.text, ' ') THEN ''
                WHEN i.space_before = 'piece' THEN ' '
                WHEN i.space_before = 'start' AND p.segment = 0 AND p.part = 0 THEN ' '
                ELSE ''
            END || t.text,
            lm_internal.piece_pattern(i.cut),
            'g'
        ) WITH ORDINALITY AS m (match, number)
    ),

    -- most pieces are tokens themselves and need no merging
    whole AS MATERIALIZED (
        SELECT
            row_number() OVER () AS word,
            p.piece,
            -- looked up one by one: a join might read the whole vocabulary
            (
                SELECT v.token_id
                FROM lm.vocabulary AS v
                WHERE v.model_id = i.model_id
                    AND v.bytes = convert_to(p.piece, 'UTF8')
                    AND v.kind = 'ordinary'
                    AND v.kind <> 'unmerged'  -- as the index has it
            ) AS token_id
        FROM input AS i
        CROSS JOIN (SELECT DISTINCT q.piece FROM piece AS q) AS p
    ),

    unmerged AS MATERIALIZED (
        SELECT w.word, lm_internal.symbols(w.piece, i.foreign_character) AS symbols
        FROM whole AS w
        CROSS JOIN input AS i
        WHERE w.token_id IS NULL
    ),

    -- the others begin as bytes or characters; a step does the merges that can be made at once
    merging AS (
        SELECT u.word, lm_internal.spell(u.symbols, i.foreign_character) AS spelling, 0 AS step
        FROM unmerged AS u
        CROSS JOIN input AS i
        WHERE length(u.symbols) <= 512
        UNION ALL
        SELECT b.word, a.spelling, b.step + 1
        FROM merging AS b
        CROSS JOIN input AS i
        CROSS JOIN LATERAL lm_internal.merge_once(b.spelling, i.model_id) AS a
        -- two tokens never merge into one: the piece would have been a token
        WHERE b.spelling LIKE '%><%><%'
    ),

    merged AS (
        (
            SELECT DISTINCT ON (m.word) m.word, 0 AS number, m.spelling
            FROM merging AS m
            ORDER BY m.word, m.step DESC
        )
        UNION ALL
        SELECT u.word, m.number, m.spelling
        FROM unmerged AS u
        CROSS JOIN input AS i
        CROSS JOIN LATERAL lm_internal.merge_windows(
            u.symbols, i.model_id, i.foreign_character
        ) AS m
        WHERE length(u.symbols) > 512
    ),

    spelled AS (
        SELECT m.word, m.number AS window, t.number AS place, v.token_id, v.token
        FROM merged AS m
        CROSS JOIN input AS i
        CROSS JOIN LATERAL lm_internal.tokens_in(m.spelling) AS t
        CROSS JOIN LATERAL (
            SELECT u.token_id, u.token
            FROM lm.vocabulary AS u
            WHERE u.model_id = i.model_id
                AND u.bytes = t.bytes
                AND u.kind = t.kind
                AND u.kind <> 'unmerged'
            OFFSET 0  -- one by one again
        ) AS v
    ),

    -- tokens in the order of the text: a part's pieces, the token that ends the part, and at last
    -- the one that ends its segment
    token AS (
        SELECT
            p.segment,
            p.part,
            p.number,
            s.window,
            s.place,
            COALESCE(p.token_id, s.token_id) AS token_id,
            COALESCE(p.token, s.token) AS token
        FROM (
            SELECT
                q.segment,
                q.part,
                q.number,
                w.word,
                w.token_id,
                CASE WHEN w.token_id IS NOT NULL THEN w.piece END AS token
            FROM piece AS q
            INNER JOIN whole AS w ON w.piece = q.piece
            OFFSET 0  -- a piece may be long, and its tokens many
        ) AS p
        LEFT JOIN spelled AS s ON s.word = p.word
        UNION ALL
        SELECT a.segment, a.part, NULL, NULL, NULL, a.token_id, v.token
        FROM input AS i
        CROSS JOIN (
            SELECT p.segment, p.part, p.token_id FROM part AS p
            UNION ALL
            SELECT s.segment, NULL, s.token_id FROM segment AS s
            UNION ALL
            SELECT -1, t.number, t.token_id
            FROM input AS j
            CROSS JOIN LATERAL unnest(j.prepended) WITH ORDINALITY AS t (token_id, number)
            WHERE j.add_special
        ) AS a
        CROSS JOIN LATERAL (
            SELECT u.token
            FROM lm.vocabulary AS u
            WHERE u.model_id = i.model_id AND u.token_id = a.token_id
            OFFSET 0
        ) AS v
        WHERE a.token_id IS NOT NULL
    )

    SELECT
        (row_number() OVER in_order - 1)::int AS "position",
        t.token_id,
        t.token
    FROM token AS t
    WINDOW in_order AS (ORDER BY t.segment, t.part, t.number, t.window, t.place)
    ORDER BY t.segment, t.part, t.number, t.window, t.place;
END;

COMMENT ON FUNCTION lm.tokenize IS
'The tokens of a text as the model''s tokenizer makes them, position from 0. Added tokens are read whole. Tokens that the model puts in front (BOS) come first, unless add_special is false. model by name, or the default. Errors: NULL; no such model.';

CREATE OR REPLACE FUNCTION lm.encode(
    prompt text,
    model text DEFAULT NULL,
    add_special boolean DEFAULT true
)
RETURNS int[]
LANGUAGE sql
STABLE
RETURN (
    SELECT COALESCE(array_agg(t.token_id ORDER BY t.position), '{}')
    FROM lm.tokenize(encode.prompt, encode.model, encode.add_special) AS t
);

COMMENT ON FUNCTION lm.encode IS 'The token ids of a text, as lm.tokenize gives them. Errors as there.';
