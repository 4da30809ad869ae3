-- Long pieces, in time that grows with their length and not with its square.
--
-- Tokens are those of a text if each two neighbours are the tokens of what they spell together:
-- the first merge across a border between them would be made in the two alone as well. So two
-- windows of a piece may be joined at a token that both have.

CREATE OR REPLACE FUNCTION lm_internal.merge_windows(
    symbols text,
    model_id int,
    foreign_character text
)
RETURNS TABLE (number int, spelling text)
LANGUAGE sql
STABLE
SET plan_cache_mode = force_generic_plan
BEGIN ATOMIC
    WITH RECURSIVE
    input AS MATERIALIZED (
        -- as bytes: a part of these is found without counting characters
        SELECT decode(merge_windows.symbols, 'hex') AS symbols
    ),

    -- one window of symbols after another, its tokens, and the tokens before it that are final
    walk AS (
        SELECT
            0 AS number,
            0 AS start,
            256 AS width,
            f.symbols,
            lm_internal.merge_all(
                lm_internal.spell(encode(f.symbols, 'hex'), merge_windows.foreign_character),
                merge_windows.model_id
            ) AS spelling,
            '' AS final
        FROM input AS i
        CROSS JOIN LATERAL (SELECT substr(i.symbols, 1, 256) AS symbols OFFSET 0) AS f

        UNION ALL

        SELECT
            w.number + 1,
            CASE WHEN j.joined THEN j.start ELSE w.start END,
            CASE WHEN j.joined THEN 256 ELSE 2 * w.width END,
            CASE WHEN j.joined THEN j.symbols ELSE l.symbols END,
            CASE
                WHEN j.joined THEN j.spelling
                ELSE lm_internal.merge_all(
                    lm_internal.spell(encode(l.symbols, 'hex'), merge_windows.foreign_character),
                    merge_windows.model_id
                )
            END,
            CASE WHEN j.joined THEN j.final ELSE '' END
        FROM walk AS w
        CROSS JOIN input AS i
        -- the next window begins with a token in the middle of this one
        LEFT JOIN LATERAL (
            SELECT
                n.start,
                n.symbols,
                n.spelling,
                n.final,
                starts_with(n.spelling, n.token) AS joined
            FROM (
                SELECT
                    w.start + t.before AS start,
                    s.symbols,
                    '<' || t.hex || '>' AS token,
                    left(w.spelling, (2 * (t.before + t.number - 1))::int) AS final,
                    CASE
                        WHEN s.symbols = w.symbols THEN w.spelling
                        ELSE lm_internal.merge_all(
                            lm_internal.spell(
                                encode(s.symbols, 'hex'), merge_windows.foreign_character
                            ),
                            merge_windows.model_id
                        )
                    END AS spelling
                FROM (
                    SELECT
                        u.number,
                        u.hex,
                        u.before
                    FROM (
                        SELECT
                            v.number,
                            v.hex,
                            (sum(length(v.hex)) OVER (ORDER BY v.number) - length(v.hex))::int / 2
                                AS before
                        FROM lm_internal.tokens_in(w.spelling) AS v
                    ) AS u
                    WHERE u.before >= w.width / 2
                    ORDER BY u.number
                    LIMIT 1
                ) AS t
                CROSS JOIN LATERAL (
                    SELECT substr(i.symbols, w.start + t.before + 1, 256) AS symbols
                    OFFSET 0
                ) AS s
            ) AS n
            OFFSET 0
        ) AS j ON true
        -- or, where they do not agree on it, this one is made longer
        CROSS JOIN LATERAL (
            SELECT substr(i.symbols, w.start + 1, 2 * w.width) AS symbols
            OFFSET 0
        ) AS l
        WHERE w.start + w.width < octet_length(i.symbols)
    )

    SELECT
        w.number,
        w.final || CASE WHEN w.number = max(w.number) OVER () THEN w.spelling ELSE '' END
    FROM walk AS w;
END;

COMMENT ON FUNCTION lm_internal.merge_windows IS
'A long piece after all its merges, in parts: windows over it, each merged alone, joined at tokens they agree on.';
