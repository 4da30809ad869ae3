-- From text to tokens: text is cut into pieces, and the pieces are merged into tokens.

CREATE OR REPLACE FUNCTION lm.piece_pattern()
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- GPT-2 takes the first alternative that matches, PostgreSQL the longest: the same here, where
    -- the last is \s and not \s+. PostgreSQL's own classes would follow the database's locale.
    pattern AS (
        SELECT
            '''(?:[sdmt]|ll|re|ve)'
            '| ?[\p{L}]+'
            '| ?[\p{N}]+'
            '| ?[^\s\p{L}\p{N}]+'
            '|[\s]+(?![^\s])'
            '|[\s]' AS gpt2
    )

    SELECT
        replace(
            replace(
                replace(p.gpt2, '\p{L}', lm.unicode_letters()),
                '\p{N}', lm.unicode_numbers()
            ),
            '\s', lm.unicode_spaces()
        )
    FROM pattern AS p;
END;

COMMENT ON FUNCTION lm.piece_pattern IS
'GPT-2''s regular expression for the pieces of a text, its classes spelled as ranges of code points.';

-- The settings: one plan for all prompts, pieces joined by hashing rather than sorted, and no JIT,
-- which takes longer than the query.
CREATE OR REPLACE FUNCTION lm.tokenize(
    prompt text,
    model text DEFAULT NULL
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
            m.model_id,
            -- compared by its bytes from here on, whatever the locale
            COALESCE(
                tokenize.prompt,
                lm.fail(NULL::text, 'no prompt: it is NULL', 'give a text; '''' has no tokens')
            ) COLLATE "C" AS prompt,
            -- the special tokens, any of them
            COALESCE(
                (
                    SELECT
                        string_agg(regexp_replace(v.token, '([][\\.*+?^$|(){}])', '\\\1', 'g'), '|')
                    FROM lm.vocabulary AS v
                    WHERE v.model_id = m.model_id AND v.special
                ),
                '(?!)'
            ) AS special_pattern
        FROM lm.model_id(tokenize.model) AS m (model_id)
    ),

    -- special tokens, read whole, cut the text into segments; each stands at the end of its segment
    piece AS MATERIALIZED (
        SELECT s.segment, p.number, p.match[1] AS piece, false AS special
        FROM input AS i
        CROSS JOIN LATERAL regexp_split_to_table(i.prompt, i.special_pattern)
            WITH ORDINALITY AS s (text, segment)
        CROSS JOIN LATERAL regexp_matches(s.text, lm.piece_pattern(), 'g')
            WITH ORDINALITY AS p (match, number)
        UNION ALL
        SELECT s.segment, NULL, s.match[1], true
        FROM input AS i
        CROSS JOIN LATERAL regexp_matches(i.prompt, i.special_pattern, 'g')
            WITH ORDINALITY AS s (match, segment)
    ),

    -- most pieces are tokens themselves and need no merging
    whole AS MATERIALIZED (
        SELECT
            p.piece,
            p.special,
            -- looked up one by one: a join might read the whole vocabulary
            (
                SELECT v.token_id
                FROM lm.vocabulary AS v
                WHERE v.model_id = i.model_id
                    AND v.bytes = convert_to(p.piece, 'UTF8')
                    AND v.special = p.special
            ) AS token_id
        FROM input AS i
        CROSS JOIN (SELECT DISTINCT q.piece, q.special FROM piece AS q) AS p
    ),

    -- the others begin as bytes; a step does the merge of lowest rank and what may go along with it
    merging AS (
        SELECT w.piece, lm.spell(w.piece) AS spelling, 0 AS step
        FROM whole AS w
        WHERE w.token_id IS NULL
        UNION ALL
        SELECT b.piece, a.spelling, b.step + 1
        FROM merging AS b
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT lm.replace_all(r.pair, r.token ORDER BY r.rank) AS spelling
            FROM (
                SELECT -1 AS rank, b.spelling AS pair, '' AS token
                UNION ALL
                SELECT m.rank, m.pair, m.token
                FROM lm.possible_merges(b.spelling, i.model_id) AS m
                WHERE m.at_once
            ) AS r
            HAVING count(*) > 1
        ) AS a
        -- two tokens never merge into one: the piece would have been a token
        WHERE b.spelling LIKE '%><%><%'
    ),

    merged AS (
        SELECT DISTINCT ON (m.piece) m.piece, m.spelling
        FROM merging AS m
        ORDER BY m.piece, m.step DESC
    ),

    -- the tokens of each piece
    spelled AS (
        SELECT w.piece, w.special, 1 AS number, w.token_id, w.piece AS token
        FROM whole AS w
        WHERE w.token_id IS NOT NULL
        UNION ALL
        SELECT m.piece, false, t.number, v.token_id, v.token
        FROM merged AS m
        CROSS JOIN input AS i
        CROSS JOIN LATERAL lm.tokens_in(m.spelling) AS t
        CROSS JOIN LATERAL (
            SELECT u.token_id, u.token
            FROM lm.vocabulary AS u
            WHERE u.model_id = i.model_id
                AND u.bytes = t.bytes
                AND NOT u.special
            OFFSET 0  -- one by one again
        ) AS v
    )

    SELECT
        (row_number() OVER in_order - 1)::int AS "position",
        s.token_id,
        s.token
    FROM piece AS p
    INNER JOIN spelled AS s ON s.piece = p.piece AND s.special = p.special
    WINDOW in_order AS (ORDER BY p.segment, p.number, s.number)
    ORDER BY p.segment, p.number, s.number;
END;

COMMENT ON FUNCTION lm.tokenize IS
'The tokens of a text, position from 0: byte-level BPE as GPT-2 has it, special tokens read whole; model by name, or the default. Errors: NULL; no such model.';

CREATE OR REPLACE FUNCTION lm.encode(
    prompt text,
    model text DEFAULT NULL
)
RETURNS int[]
LANGUAGE sql
STABLE
RETURN (
    SELECT COALESCE(array_agg(t.token_id ORDER BY t.position), '{}')
    FROM lm.tokenize(encode.prompt, encode.model) AS t
);

COMMENT ON FUNCTION lm.encode IS 'The token ids of a text, as lm.tokenize gives them. Errors as there.';
