-- From tokens back to bytes and text.

CREATE OR REPLACE FUNCTION lm_internal.tokenizer(
    model text DEFAULT NULL
)
RETURNS SETOF lm.tokenizer
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT t.*
    FROM lm.model_id(tokenizer.model) AS m (model_id)
    INNER JOIN lm.tokenizer AS t ON t.model_id = m.model_id;
END;

COMMENT ON FUNCTION lm_internal.tokenizer IS
'How texts become tokens; model by name, or the default. Errors: no such model.';

CREATE OR REPLACE FUNCTION lm_internal.utf8_text(
    bytes bytea
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        COALESCE(
            string_agg(
                COALESCE(convert_from(decode(m.run[1], 'hex'), 'UTF8'), '�'),
                '' ORDER BY m.number
            ),
            ''
        )
    -- over hexadecimal digits: runs of whole characters, which are captured; else what could begin
    -- one (the "maximal subpart" of Unicode, table 3-7), or a byte that could not
    FROM regexp_matches(
        encode(utf8_text.bytes, 'hex'),
        '((?:0[1-9a-f]|[1-7].'
        '|(?:c[2-9a-f]|d.)[89ab].'
        '|(?:e0[ab].|e[1-9abcef][89ab].|ed[89].)[89ab].'
        '|(?:f0[9ab].|f[1-3][89ab].|f48.)[89ab].[89ab].)+)'
        '|e0[ab].|e[1-9abcef][89ab].|ed[89].'
        '|(?:f0[9ab].|f[1-3][89ab].|f48.)(?:[89ab].)?'
        '|..',
        'g'
    ) WITH ORDINALITY AS m (run, number);
END;

COMMENT ON FUNCTION lm_internal.utf8_text IS
'Bytes as text. Each maximal subpart that is not UTF-8 becomes U+FFFD, and so does byte 0, which text cannot hold.';

CREATE OR REPLACE FUNCTION lm_internal.readable(
    bytes bytea
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN convert_to(lm_internal.utf8_text(readable.bytes), 'UTF8') = readable.bytes
        THEN lm_internal.utf8_text(readable.bytes)
    ELSE '\x' || encode(readable.bytes, 'hex')
END;

COMMENT ON FUNCTION lm_internal.readable IS 'Bytes as text where they are UTF-8, else as \x and their hexadecimal digits.';

CREATE OR REPLACE FUNCTION lm_internal.tokens_by_id(
    token_ids int[],
    model_id int
)
RETURNS TABLE ("position" bigint, bytes bytea, kind lm.token_kind)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        t.position,
        COALESCE(
            v.bytes,
            lm_internal.fail(
                NULL::bytea,
                format(
                    'token id %s is not in the vocabulary of model "%s"',
                    COALESCE(t.token_id::text, 'NULL'),
                    (SELECT m.name FROM lm.model AS m WHERE m.model_id = tokens_by_id.model_id)
                ),
                'SELECT token_id, token FROM lm.vocabulary shows the ids there are'
            )
        ) AS bytes,
        v.kind
    FROM unnest(
        COALESCE(
            tokens_by_id.token_ids,
            lm_internal.fail(
                NULL::int[], 'no token ids: they are NULL', 'give an int[]; {} is empty'
            )
        )
    ) WITH ORDINALITY AS t (token_id, position)
    LEFT JOIN LATERAL (
        SELECT u.bytes, u.kind
        FROM lm.vocabulary AS u
        WHERE u.model_id = tokens_by_id.model_id AND u.token_id = t.token_id
        OFFSET 0  -- one by one: a join might read the whole vocabulary
    ) AS v ON true;
END;

COMMENT ON FUNCTION lm_internal.tokens_by_id IS
'The bytes of each of some tokens, and their kind. Errors: NULL; an id that is NULL or not in the vocabulary.';

CREATE OR REPLACE FUNCTION lm.decode_bytes(
    token_ids int[],
    model text DEFAULT NULL
)
RETURNS bytea
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT COALESCE(string_agg(t.bytes, '' ORDER BY t.position), '')
    FROM lm.model_id(decode_bytes.model) AS m (model_id)
    CROSS JOIN LATERAL lm_internal.tokens_by_id(decode_bytes.token_ids, m.model_id) AS t;
END;

COMMENT ON FUNCTION lm.decode_bytes IS
'The bytes that tokens stand for, exact; model by name, or the default. Errors: NULL; an id that is NULL or not in the vocabulary; no such model.';

CREATE OR REPLACE FUNCTION lm.decode(
    token_ids int[],
    model text DEFAULT NULL
)
RETURNS text
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    token AS (
        SELECT
            i.stripped,
            t.position,
            t.bytes,
            t.kind = 'byte' AS is_byte,
            t.position - row_number() OVER (PARTITION BY t.kind = 'byte' ORDER BY t.position)
                AS stretch
        FROM lm_internal.tokenizer(decode.model) AS i
        CROSS JOIN LATERAL lm_internal.tokens_by_id(decode.token_ids, i.model_id) AS t
    ),

    -- bytes of characters outside an alphabet, and all between them
    stretch AS (
        SELECT
            t.stripped,
            t.is_byte,
            min(t.position) AS position,
            string_agg(t.bytes, '' ORDER BY t.position) AS bytes
        FROM token AS t
        GROUP BY t.stripped, t.is_byte, t.stretch
    )

    SELECT
        COALESCE(
            regexp_replace(
                string_agg(
                    CASE
                        -- such bytes are read together or not at all
                        WHEN s.is_byte
                            AND convert_to(lm_internal.utf8_text(s.bytes), 'UTF8') <> s.bytes
                            THEN repeat('�', octet_length(s.bytes))
                        ELSE lm_internal.utf8_text(s.bytes)
                    END,
                    '' ORDER BY s.position
                ),
                '^ {0,' || min(s.stripped) || '}',
                ''
            ),
            ''
        )
    FROM stretch AS s;
END;

COMMENT ON FUNCTION lm.decode IS
'The text that tokens stand for, without the space that the tokenizer puts in front. What is not UTF-8 becomes U+FFFD, and so does byte 0; lm.decode_bytes is exact. Errors as there.';
