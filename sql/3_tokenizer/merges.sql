-- Byte-pair encoding: how the bytes of a piece of text are merged into tokens.
-- Meanwhile the piece is spelled '<6c><6f><77>': each token as its bytes, hexadecimal, in brackets.

CREATE OR REPLACE FUNCTION lm.spell(
    piece text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN regexp_replace(encode(convert_to(spell.piece, 'UTF8'), 'hex'), '(..)', '<\1>', 'g');

COMMENT ON FUNCTION lm.spell IS 'A piece of text spelled as its bytes: low is <6c><6f><77>.';

CREATE OR REPLACE FUNCTION lm.tokens_in(
    spelling text
)
RETURNS TABLE (number bigint, bytes bytea)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        t.number,
        decode(t.hex, 'hex') AS bytes
    FROM unnest(string_to_array(btrim(tokens_in.spelling, '<>'), '><'))
        WITH ORDINALITY AS t (hex, number);
END;

COMMENT ON FUNCTION lm.tokens_in IS 'The tokens of a spelled piece, numbered from 1.';

CREATE OR REPLACE AGGREGATE lm.replace_all(text, text) (
    -- strict and without a first state: the first row's first argument is the text to work on
    SFUNC = replace,
    STYPE = text
);

COMMENT ON AGGREGATE lm.replace_all(text, text) IS
'One replacement after another: in the first row''s first text, each further row''s first text by its second.';

CREATE OR REPLACE FUNCTION lm.possible_merges(
    spelling text,
    model_id int
)
RETURNS TABLE (rank int, pair text, token text, at_once boolean)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        f.rank,
        f.pair,
        f.token,
        -- whatever the merges before it make possible ranks higher
        COALESCE(f.rank < min(f.next_rank) OVER earlier, true) AS at_once
    FROM (
        SELECT DISTINCT ON (m.rank)
            m.rank,
            m.next_rank,
            '<' || p.left_hex || '><' || p.right_hex || '>' AS pair,
            '<' || p.left_hex || p.right_hex || '>' AS token
        FROM string_to_array(btrim(possible_merges.spelling, '<>'), '><') AS t (tokens)
        CROSS JOIN LATERAL unnest(t.tokens, t.tokens[2:]) AS p (left_hex, right_hex)
        CROSS JOIN lm.merge AS m
        WHERE
            m.model_id = possible_merges.model_id
            AND m.left_bytes = decode(p.left_hex, 'hex')
            AND m.right_bytes = decode(p.right_hex, 'hex')
        ORDER BY m.rank
    ) AS f
    WINDOW earlier AS (ORDER BY f.rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
END;

COMMENT ON FUNCTION lm.possible_merges IS
'The merges open to a spelled piece, each with the pair of tokens and the token it makes of them; at_once: also after all of lower rank.';

CREATE OR REPLACE FUNCTION lm.merge_steps(
    word text,
    model text DEFAULT NULL
)
RETURNS TABLE (step int, pieces text[], merged text, rank int)
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
BEGIN ATOMIC
    WITH RECURSIVE
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            COALESCE(
                merge_steps.word,
                lm.fail(NULL::text, 'no word: it is NULL', 'give a text, such as '' rock''')
            ) COLLATE "C" AS word
        FROM lm.model_id(merge_steps.model) AS m (model_id)
    ),

    -- the merge of lowest rank, wherever its pair occurs, from the left
    merging AS (
        SELECT
            0 AS step,
            lm.spell(i.word) AS spelling,
            NULL AS token,
            NULL::int AS rank
        FROM input AS i
        UNION ALL
        SELECT b.step + 1, replace(b.spelling, m.pair, m.token), m.token, m.rank
        FROM merging AS b
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT p.pair, p.token, p.rank
            FROM lm.possible_merges(b.spelling, i.model_id) AS p
            ORDER BY p.rank
            LIMIT 1
        ) AS m
    )

    SELECT
        m.step,
        ARRAY(
            SELECT lm.readable(t.bytes)
            FROM lm.tokens_in(m.spelling) AS t
            ORDER BY t.number
        ) AS pieces,
        (SELECT lm.readable(t.bytes) FROM lm.tokens_in(m.token) AS t) AS merged,
        m.rank
    FROM merging AS m
    ORDER BY m.step;
END;

COMMENT ON FUNCTION lm.merge_steps IS
'How BPE makes tokens of a word, taken as one piece: step 0 its bytes, then merge by merge. What is not UTF-8 shows as \x and hexadecimal digits. Errors: NULL; no such model.';
