-- How a text is made ready and cut into pieces.

CREATE OR REPLACE FUNCTION lm_internal.nfc(
    text text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN octet_length(nfc.text) = length(nfc.text) THEN nfc.text
    -- PostgreSQL knows more of Unicode than the reference, which leaves newer marks where they are
    WHEN nfc.text ~ ('[' || lm_internal.unicode_unknown_marks() || ']')
        THEN (
            SELECT
                string_agg(
                    COALESCE(p.match[1], normalize(p.match[2], nfc)), '' ORDER BY p.number
                )
            FROM regexp_matches(
                nfc.text,
                '([' || lm_internal.unicode_unknown_marks() || ']+)'
                '|([^' || lm_internal.unicode_unknown_marks() || ']+)',
                'g'
            ) WITH ORDINALITY AS p (match, number)
        )
    ELSE normalize(nfc.text, nfc)
END;

COMMENT ON FUNCTION lm_internal.nfc IS
'A text in Unicode''s form NFC, as the tokenizers library has it, whose Unicode is older than PostgreSQL''s.';

CREATE OR REPLACE FUNCTION lm_internal.with_classes(
    pattern text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN replace(
    replace(
        replace(
            replace(
                replace(with_classes.pattern, '\p{L}', lm_internal.unicode_letters()),
                '\p{D}', lm_internal.unicode_numbers() || lm_internal.unicode_newer_numbers()
            ),
            '\p{N}', lm_internal.unicode_numbers()
        ),
        '\s', lm_internal.unicode_spaces()
    ),
    '\h', replace(lm_internal.unicode_spaces(), '\u0009-\u000d', '\u0009\u000b-\u000c')
);

COMMENT ON FUNCTION lm_internal.with_classes IS
'A regular expression with its classes spelled as ranges of code points, because PostgreSQL''s own classes follow the locale. \p{L}: letters; \p{N}: numbers; \p{D}: numbers, the newest of Unicode too; \s: spaces; \h: spaces within a line.';

-- The references take the first alternative that matches, PostgreSQL the longest. Where these
-- differ, an alternative is kept from matching more than it should.

CREATE OR REPLACE FUNCTION lm_internal.word_pattern(
    number text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    WITH
    -- the long s is an s in another case
    contraction AS (
        SELECT '\u0027(?:[sdmtSDMT\u017f]|[lL][lL]|[rR][eE]|[vV][eE])' AS pattern
    )

    SELECT
        lm_internal.with_classes(
            c.pattern
            -- in the original "'sit" is not one piece, for contractions are tried first
            || '|(?!' || c.pattern || ')[^\r\n\p{L}\p{N}]?[\p{L}]+'
            || '|' || word_pattern.number
            || '| ?[^\s\p{L}\p{N}]+[\r\n]*'
            || '|[\s]*[\r\n]+'
            -- in the original \s for \h, for spaces before a newline are tried first
            || '|[\h]+(?![^\s])'
            || '|[\h]'
        )
    FROM contraction AS c;
END;

COMMENT ON FUNCTION lm_internal.word_pattern IS
'The regular expression that Llama 3 and Qwen share; number is the part for numbers, in which they differ.';

CREATE OR REPLACE FUNCTION lm_internal.piece_pattern(
    cut lm.cut
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE piece_pattern.cut
    -- the last alternative is \s+ in the original, which would win over the one before
    WHEN 'gpt2'
        THEN lm_internal.with_classes(
            '''(?:[sdmt]|ll|re|ve)'
            '| ?[\p{L}]+'
            '| ?[\p{N}]+'
            '| ?[^\s\p{L}\p{N}]+'
            '|[\s]+(?![^\s])'
            '|[\s]'
        )
    -- the same, when each number has been cut out, by a newer Unicode than the other classes'
    WHEN 'digits'
        THEN lm_internal.with_classes(
            '[\p{D}]'
            '|''(?:[sdmt]|ll|re|ve)'
            '| ?[\p{L}]+'
            '| ?[^\s\p{L}\p{D}]+'
            '|[\s]+(?![^\s\p{D}])'
            '|[\s]'
        )
    WHEN 'llama3' THEN lm_internal.word_pattern('[\p{N}]{1,3}')
    WHEN 'qwen2' THEN lm_internal.word_pattern('[\p{N}]')
    -- before each space
    WHEN 'space' THEN ' [^ ]*|[^ ]+'
    -- before each run of spaces
    WHEN 'spaces' THEN ' *[^ ]+| +'
    -- there, and between the letters and the other characters of ASCII
    WHEN 'words'
        THEN
            ' *(?:[A-Za-z]+|[^ A-Za-z\u0080-\U0010ffff]+)'
            '(?:[\u0080-\U0010ffff]+(?:[A-Za-z]+|[^ A-Za-z\u0080-\U0010ffff]+)?)*'
            '| *(?:[\u0080-\U0010ffff]+(?:[A-Za-z]+|[^ A-Za-z\u0080-\U0010ffff]+)?)+'
            '| +'
    WHEN 'whole' THEN '.+'
END;

COMMENT ON FUNCTION lm_internal.piece_pattern IS
'The regular expression for the pieces of a text, its classes spelled as ranges of code points.';

CREATE OR REPLACE FUNCTION lm_internal.marks_as_spaces(
    text text,
    foreign_character text
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN marks_as_spaces.foreign_character IS NULL THEN marks_as_spaces.text
    ELSE replace(marks_as_spaces.text, '▁', ' ')
END;

COMMENT ON FUNCTION lm_internal.marks_as_spaces IS
'A text with ▁ as a space, where a model has an alphabet of characters: to its tokens the two are one.';
