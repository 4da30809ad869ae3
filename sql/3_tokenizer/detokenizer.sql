-- From tokens back to bytes and text.

CREATE OR REPLACE FUNCTION lm.utf8_text(
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

COMMENT ON FUNCTION lm.utf8_text IS
'Bytes as text. Each maximal subpart that is not UTF-8 becomes U+FFFD, and so does byte 0, which text cannot hold.';

CREATE OR REPLACE FUNCTION lm.readable(
    bytes bytea
)
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN convert_to(lm.utf8_text(readable.bytes), 'UTF8') = readable.bytes
        THEN lm.utf8_text(readable.bytes)
    ELSE '\x' || encode(readable.bytes, 'hex')
END;

COMMENT ON FUNCTION lm.readable IS 'Bytes as text where they are UTF-8, else as \x and their hexadecimal digits.';

CREATE OR REPLACE FUNCTION lm.decode_bytes(
    token_ids int[],
    model text DEFAULT NULL
)
RETURNS bytea
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    input AS MATERIALIZED (
        SELECT
            m.model_id,
            COALESCE(
                decode_bytes.token_ids,
                lm.fail(NULL::int[], 'no token ids: they are NULL', 'give an int[]; {} is empty')
            ) AS token_ids
        FROM lm.model_id(decode_bytes.model) AS m (model_id)
    ),

    token AS (
        SELECT
            t.position,
            COALESCE(
                (
                    SELECT v.bytes
                    FROM lm.vocabulary AS v
                    WHERE v.model_id = i.model_id AND v.token_id = t.token_id
                ),
                lm.fail(
                    NULL::bytea,
                    format(
                        'token id %s is not in the vocabulary of model "%s"',
                        COALESCE(t.token_id::text, 'NULL'),
                        (SELECT m.name FROM lm.model AS m WHERE m.model_id = i.model_id)
                    ),
                    'SELECT token_id, token FROM lm.vocabulary shows the ids there are'
                )
            ) AS bytes
        FROM input AS i
        CROSS JOIN LATERAL unnest(i.token_ids) WITH ORDINALITY AS t (token_id, position)
    )

    SELECT COALESCE(string_agg(t.bytes, '' ORDER BY t.position), '')
    FROM token AS t;
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
RETURN lm.utf8_text(lm.decode_bytes(decode.token_ids, decode.model));

COMMENT ON FUNCTION lm.decode IS
'The text that tokens stand for. What is not UTF-8 becomes U+FFFD, and so does byte 0; lm.decode_bytes is exact. Errors as there.';
