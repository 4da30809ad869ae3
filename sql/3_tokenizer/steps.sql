-- How a word is merged, to look at.

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
            t.model_id,
            lm_internal.spell(
                lm_internal.symbols(
                    lm_internal.marks_as_spaces(w.word, t.foreign_character), t.foreign_character
                ),
                t.foreign_character
            ) AS spelling
        FROM lm_internal.tokenizer(merge_steps.model) AS t
        CROSS JOIN (
            SELECT
                CASE
                    WHEN merge_steps.word IS NULL
                        THEN lm_internal.fail(
                            NULL::text, 'no word: it is NULL', 'give a text, such as '' rock'''
                        )
                    -- no token is longer, and the pieces of all steps are their number squared
                    WHEN octet_length(merge_steps.word) > 2000
                        THEN lm_internal.fail(
                            NULL::text,
                            format(
                                'a word of %s bytes is too long to show step by step',
                                octet_length(merge_steps.word)
                            ),
                            'give 2000 bytes at most; lm.tokenize takes texts of any length'
                        )
                    ELSE merge_steps.word
                END COLLATE "C" AS word
            OFFSET 0
        ) AS w
    ),

    -- the merge of lowest rank, wherever its pair occurs, from the left
    merging AS (
        SELECT
            0 AS step,
            i.spelling,
            NULL AS token,
            NULL::int AS rank
        FROM input AS i
        UNION ALL
        SELECT
            b.step + 1,
            CASE
                WHEN m.everywhere THEN replace(b.spelling, m.pair, m.token)
                ELSE lm_internal.replace_first(b.spelling, m.pair, m.token)
            END,
            m.token,
            m.rank
        FROM merging AS b
        CROSS JOIN input AS i
        CROSS JOIN LATERAL (
            SELECT p.pair, p.token, p.rank, p.everywhere
            FROM lm_internal.possible_merges(b.spelling, i.model_id) AS p
            ORDER BY p.rank
            LIMIT 1
        ) AS m
    )

    SELECT
        m.step,
        ARRAY(
            SELECT lm_internal.readable(t.bytes)
            FROM lm_internal.tokens_in(m.spelling) AS t
            ORDER BY t.number
        ) AS pieces,
        (SELECT lm_internal.readable(t.bytes) FROM lm_internal.tokens_in(m.token) AS t) AS merged,
        m.rank
    FROM merging AS m
    ORDER BY m.step;
END;

COMMENT ON FUNCTION lm.merge_steps IS
'How BPE makes tokens of a word, taken as one piece: step 0 its bytes, or its characters where the model has an alphabet; then merge by merge. What is not UTF-8 shows as \x and hexadecimal digits. Errors: NULL; more than 2000 bytes; no such model.';
