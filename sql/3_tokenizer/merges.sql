-- Byte-pair encoding: how a piece of text is merged into tokens.
-- Meanwhile the piece is spelled '<6c><6f><77>': each token as its bytes, hexadecimal, in brackets.

CREATE OR REPLACE FUNCTION lm_internal.symbols(
    piece text,
    foreign_character text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN symbols.piece ~ symbols.foreign_character
        THEN (
            SELECT
                string_agg(
                    CASE
                        WHEN r.run[1] ~ symbols.foreign_character
                            THEN regexp_replace(
                                encode(convert_to(r.run[1], 'UTF8'), 'hex'), '..', 'ff\&', 'g'
                            )
                        ELSE encode(convert_to(r.run[1], 'UTF8'), 'hex')
                    END,
                    '' ORDER BY r.number
                )
            FROM regexp_matches(
                symbols.piece,
                symbols.foreign_character || '|'
                || replace(symbols.foreign_character, '[^', '[') || '+',
                'g'
            ) WITH ORDINALITY AS r (run, number)
        )
    ELSE encode(convert_to(symbols.piece, 'UTF8'), 'hex')
END;

COMMENT ON FUNCTION lm_internal.symbols IS
'The bytes of a piece of text, hexadecimal; before each byte of a character outside the alphabet stands ff, which no text has.';

CREATE OR REPLACE FUNCTION lm_internal.spell(
    symbols text,
    foreign_character text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN regexp_replace(
    spell.symbols,
    CASE
        WHEN spell.foreign_character IS NULL THEN '..'
        ELSE 'ff(?:..)?|[0-7].|[c-e].(?:[89ab].)*|f[0-7](?:[89ab].)*'
    END,
    '<\&>',
    'g'
);

COMMENT ON FUNCTION lm_internal.spell IS
'Symbols as the tokens that a piece begins with: low is <6c><6f><77>. They are bytes, or characters where a model has an alphabet.';

CREATE OR REPLACE FUNCTION lm_internal.tokens_in(
    spelling text
)
RETURNS TABLE (number bigint, hex text, bytes bytea, kind lm.token_kind)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        t.number,
        t.hex,
        decode(
            CASE WHEN starts_with(t.hex, 'ff') THEN right(t.hex, -2) ELSE t.hex END, 'hex'
        ) AS bytes,
        CASE
            WHEN starts_with(t.hex, 'ff') THEN 'byte'::lm.token_kind
            ELSE 'ordinary'::lm.token_kind
        END AS kind
    FROM unnest(string_to_array(btrim(tokens_in.spelling, '<>'), '><'))
        WITH ORDINALITY AS t (hex, number);
END;

COMMENT ON FUNCTION lm_internal.tokens_in IS 'The tokens of a spelled piece, numbered from 1.';

CREATE OR REPLACE AGGREGATE lm_internal.replace_all(text, text) (
    -- strict and without a first state: the first row's first argument is the text to work on
    SFUNC = replace,
    STYPE = text
);

COMMENT ON AGGREGATE lm_internal.replace_all(text, text) IS
'One replacement after another. The first row''s first argument is the text to work on; in it each further row replaces its first argument by its second.';

CREATE OR REPLACE FUNCTION lm_internal.possible_merges(
    spelling text,
    model_id int
)
RETURNS TABLE (rank int, pair text, token text, everywhere boolean, at_once boolean)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        f.rank,
        f.pair,
        f.token,
        f.everywhere,
        -- whatever the merges before it make possible ranks higher
        COALESCE(f.everywhere AND f.rank < min(f.next_rank) OVER earlier, f.everywhere)
        OR row_number() OVER (ORDER BY f.rank) = 1 AS at_once
    FROM (
        SELECT DISTINCT ON (m.rank)
            m.rank,
            m.next_rank,
            '<' || p.left_hex || '><' || p.right_hex || '>' AS pair,
            '<' || p.left_hex || p.right_hex || '>' AS token,
            COALESCE(m.next_rank > m.rank, true) AS everywhere
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

COMMENT ON FUNCTION lm_internal.possible_merges IS
'The merges that a spelled piece allows, each with its pair of tokens and the token that it makes of them. everywhere: it is made wherever the pair stands, because all that it makes possible ranks higher; otherwise in one place, and then the piece is looked at again. at_once: it can follow those of lower rank without another look.';

CREATE OR REPLACE FUNCTION lm_internal.replace_first(
    spelling text,
    pair text,
    token text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN overlay(
    replace_first.spelling PLACING replace_first.token
    FROM strpos(replace_first.spelling, replace_first.pair) FOR length(replace_first.pair)
);

COMMENT ON FUNCTION lm_internal.replace_first IS
'A spelled piece with a pair of its tokens merged at the first place where the pair stands.';

CREATE OR REPLACE FUNCTION lm_internal.merge_once(
    spelling text,
    model_id int
)
RETURNS TABLE (spelling text)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    -- the merge of lowest rank, and what may go along with it
    SELECT lm_internal.replace_all(r.pair, r.token ORDER BY r.rank)
    FROM (
        SELECT -1 AS rank, merge_once.spelling AS pair, '' AS token
        UNION ALL
        SELECT
            m.rank,
            CASE WHEN m.everywhere THEN m.pair ELSE merge_once.spelling END,
            CASE
                WHEN m.everywhere THEN m.token
                ELSE lm_internal.replace_first(merge_once.spelling, m.pair, m.token)
            END
        FROM lm_internal.possible_merges(merge_once.spelling, merge_once.model_id) AS m
        WHERE m.at_once
    ) AS r
    HAVING count(*) > 1;
END;

COMMENT ON FUNCTION lm_internal.merge_once IS
'A step of merging a spelled piece: as many merges as can be made without looking again. No row where no merge is open.';

CREATE OR REPLACE FUNCTION lm_internal.merge_all(
    spelling text,
    model_id int
)
RETURNS text
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH RECURSIVE
    merging AS (
        SELECT 0 AS step, merge_all.spelling
        UNION ALL
        SELECT b.step + 1, a.spelling
        FROM merging AS b
        CROSS JOIN LATERAL lm_internal.merge_once(b.spelling, merge_all.model_id) AS a
        WHERE strpos(b.spelling, '><') > 0
    )

    SELECT m.spelling
    FROM merging AS m
    ORDER BY m.step DESC
    LIMIT 1;
END;

COMMENT ON FUNCTION lm_internal.merge_all IS 'A spelled piece after all its merges.';
