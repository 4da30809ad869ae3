-- Added tokens: those that are read whole wherever a text has them.

CREATE OR REPLACE FUNCTION lm_internal.word_character()
RETURNS text
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN '[' || lm_internal.unicode_letters() || lm_internal.unicode_word_parts() || ']';

COMMENT ON FUNCTION lm_internal.word_character IS
'The regular expression of the characters that words are made of. Beside one of them a single_word token is not read.';

CREATE OR REPLACE FUNCTION lm_internal.split_at_added(
    text text,
    model_id int,
    normalized boolean
)
RETURNS TABLE (segment bigint, text text, token_id int)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    -- any of the tokens that the text has; the longest of those that begin at one place is taken
    pattern AS MATERIALIZED (
        SELECT
            COALESCE(
                string_agg(regexp_replace(a.content, '([][\\.*+?^$|(){}])', '\\\1', 'g'), '|'),
                '(?!)'
            ) AS pattern
        FROM (
            SELECT DISTINCT b.beginning
            FROM lm.added_token AS b
            WHERE b.model_id = split_at_added.model_id
                AND b.normalized = split_at_added.normalized
            OFFSET 0  -- first the few, then the text
        ) AS b
        INNER JOIN lm.added_token AS a
            ON a.model_id = split_at_added.model_id
            AND a.normalized = split_at_added.normalized
            AND a.beginning = b.beginning
        WHERE strpos(split_at_added.text, b.beginning) > 0
            AND strpos(split_at_added.text, a.content) > 0
    ),

    -- texts, each with the token that ends it; the last has none
    found AS (
        SELECT s.number, s.text, m.match[1] AS content
        FROM
            regexp_split_to_table(split_at_added.text, (SELECT p.pattern FROM pattern AS p))
                WITH ORDINALITY AS s (text, number)
        LEFT JOIN
            regexp_matches(split_at_added.text, (SELECT p.pattern FROM pattern AS p), 'g')
                WITH ORDINALITY AS m (match, number)
            ON m.number = s.number
    ),

    token AS (
        SELECT
            f.number,
            f.text,
            f.content,
            a.token_id,
            a.lstrip,
            a.rstrip,
            a.token_id IS NOT NULL
            AND NOT (
                a.single_word
                AND COALESCE(
                    right(COALESCE(NULLIF(f.text, ''), lag(f.content) OVER in_order), 1)
                    ~ lm_internal.word_character()
                    OR left(
                        COALESCE(
                            NULLIF(lead(f.text) OVER in_order, ''), lead(f.content) OVER in_order
                        ),
                        1
                    ) ~ lm_internal.word_character(),
                    false
                )
            ) AS taken
        FROM found AS f
        LEFT JOIN lm.added_token AS a
            ON a.model_id = split_at_added.model_id
            AND a.normalized = split_at_added.normalized
            AND a.content = f.content
        WINDOW in_order AS (ORDER BY f.number)
    ),

    -- a token that is not taken is text, like what is around it
    segment AS (
        SELECT
            t.segment,
            string_agg(
                concat(t.text, CASE WHEN NOT t.taken THEN t.content END), '' ORDER BY t.number
            ) AS text,
            max(t.token_id) FILTER (WHERE t.taken) AS token_id,
            COALESCE(bool_or(t.lstrip) FILTER (WHERE t.taken), false) AS strip_end,
            COALESCE(lag(bool_or(t.rstrip) FILTER (WHERE t.taken)) OVER (ORDER BY t.segment), false)
                AS strip_start
        FROM (
            SELECT
                u.*,
                count(*) FILTER (WHERE u.taken) OVER (ORDER BY u.number)
                - u.taken::int AS segment
            FROM token AS u
        ) AS t
        GROUP BY t.segment
    )

    SELECT
        s.segment,
        CASE
            WHEN s.strip_start OR s.strip_end
                THEN regexp_replace(
                    regexp_replace(
                        s.text,
                        CASE
                            WHEN s.strip_start THEN '^[' || lm_internal.unicode_spaces() || ']+'
                            ELSE '(?!)'
                        END,
                        ''
                    ),
                    CASE
                        WHEN s.strip_end THEN '[' || lm_internal.unicode_spaces() || ']+$'
                        ELSE '(?!)'
                    END,
                    ''
                )
            ELSE s.text
        END AS text,
        s.token_id
    FROM segment AS s;
END;

COMMENT ON FUNCTION lm_internal.split_at_added IS
'A text cut at added tokens: segments from 0, each a text and the token that ends it, NULL for the last.';
