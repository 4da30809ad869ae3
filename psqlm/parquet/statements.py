"""The SQL of an import: texts and tokens in temporary tables, which become runs."""

from __future__ import annotations

TABLES = """
    CREATE TEMPORARY TABLE imported_text (
        number bigint GENERATED ALWAYS AS IDENTITY,
        text_id text PRIMARY KEY,
        text text,
        source text,
        line int,
        n_tokens int,
        left_out text,
        started_at timestamptz,
        seconds float8,
        token_ids int[],
        run_id bigint,
        is_new boolean NOT NULL DEFAULT false
    ) ON COMMIT DROP;

    CREATE TEMPORARY TABLE imported_token (
        text_id text,
        position int,
        token_id int NOT NULL,
        token text,
        PRIMARY KEY (text_id, position)
    ) ON COMMIT DROP;

    CREATE TEMPORARY TABLE imported_tag (
        text_id text NOT NULL,
        position int,
        name text NOT NULL,
        value text NOT NULL
    ) ON COMMIT DROP;
"""

ADD = {
    "text": (
        "text_id",
        "text",
        "source",
        "line",
        "n_tokens",
        "left_out",
        "started_at",
        "seconds",
    ),
    "token": ("text_id", "position", "token_id", "token"),
    "tag": ("text_id", "position", "name", "value"),
}
"""What is copied into them, table by table."""

CHECKS = {
    "has others than the tokens it says": """
        SELECT i.text_id
        FROM imported_text AS i
        LEFT JOIN imported_token AS t ON t.text_id = i.text_id
        WHERE i.left_out IS NULL
        GROUP BY i.text_id
        HAVING (count(t.position), min(t.position), max(t.position) + 1)
            IS DISTINCT FROM (i.n_tokens::bigint, 0, i.n_tokens)
        LIMIT 1
    """,
    "has tokens that are not in the model's vocabulary": """
        SELECT t.text_id
        FROM imported_token AS t
        WHERE NOT EXISTS (
            SELECT FROM lm.vocabulary AS v
            WHERE v.model_id = %(model_id)s AND v.token_id = t.token_id
        )
        LIMIT 1
    """,
    "has more tokens than the model has positions for": """
        SELECT i.text_id
        FROM imported_text AS i
        INNER JOIN lm.model AS m ON m.model_id = %(model_id)s
        WHERE i.n_tokens > m.n_ctx AND i.left_out IS NULL
        LIMIT 1
    """,
    "is another than its key says": """
        SELECT i.text_id
        FROM imported_text AS i
        LEFT JOIN LATERAL (
            SELECT string_agg(t.token_id::text, ',' ORDER BY t.position) AS said
            FROM imported_token AS t
            WHERE i.text IS NULL AND t.text_id = i.text_id
        ) AS tokens ON true
        WHERE i.left_out IS NULL
            AND i.text_id IS DISTINCT FROM left(
                encode(
                    sha256(
                        convert_to(
                            %(key)s || COALESCE(E'\\n' || i.text, E'\\t' || tokens.said), 'UTF8'
                        )
                    ),
                    'hex'
                ),
                32
            )
        LIMIT 1
    """,
    "is not in the table text": """
        SELECT s.text_id
        FROM (
            SELECT t.text_id FROM imported_token AS t
            UNION ALL
            SELECT t.text_id FROM imported_tag AS t
        ) AS s
        WHERE NOT EXISTS (SELECT FROM imported_text AS i WHERE i.text_id = s.text_id)
        LIMIT 1
    """,
}
"""What is said of a text that is found here."""

CHECK_PLAN = """
    SELECT
        lm_internal.check_capture(
            %(model_id)s, %(layers)s::int[], %(positions)s::int[], %(top_logits)s::int,
            max(i.n_tokens)
        )
    FROM imported_text AS i
    WHERE i.left_out IS NULL
    HAVING count(*) > 0
"""
"""Refuses layers and positions that there are not, as lm.forward does."""

_SAME = """
    UPDATE imported_text AS i
    SET run_id = found.run_id
    FROM (
        SELECT i.text_id, max(r.run_id) AS run_id
        FROM imported_text AS i
        INNER JOIN lm.run AS r ON {}
        WHERE r.model_id = %(model_id)s
            AND r.capture @> %(capture)s::lm.site[]
            AND r.capture <@ %(capture)s::lm.site[]
            AND lm_internal.same_numbers(r.capture_layers, %(layers)s::int[])
            AND lm_internal.same_numbers(r.capture_positions, %(positions)s::int[])
            AND (
                r.top_logits IS NOT DISTINCT FROM %(top_logits)s::int
                OR 'logits' <> ALL (r.capture)
            )
            AND r.capture_dtype = %(dtype)s
            AND r.interventions IS NOT DISTINCT FROM %(interventions)s
            AND r.intervention_digest IS NOT DISTINCT FROM %(digest)s
        GROUP BY i.text_id
    ) AS found
    WHERE found.text_id = i.text_id AND i.left_out IS NULL
"""

FIND = (
    """
    UPDATE imported_text AS i
    SET token_ids = ARRAY(
        SELECT t.token_id FROM imported_token AS t
        WHERE t.text_id = i.text_id
        ORDER BY t.position
    )
    """,
    "ANALYZE imported_text",
    _SAME.format("r.prompt = i.text"),
    _SAME.format("r.prompt IS NULL AND i.text IS NULL AND r.token_ids = i.token_ids"),
)
"""Finds the runs that are there already, as lm.find_runs does."""

MAKE = (
    """
    UPDATE imported_text AS i
    SET run_id = new.run_id, is_new = true
    FROM (
        SELECT i.text_id, nextval('lm.run_run_id_seq') AS run_id
        FROM (
            SELECT i.text_id FROM imported_text AS i
            WHERE i.run_id IS NULL AND i.left_out IS NULL
            ORDER BY i.number
        ) AS i
    ) AS new
    WHERE new.text_id = i.text_id
    """,
    """
    INSERT INTO lm.run (
        run_id, model_id, prompt, token_ids, capture, capture_layers, capture_positions,
        top_logits, interventions, intervention_digest, capture_dtype, started_at, duration
    )
    SELECT
        i.run_id, %(model_id)s, i.text, i.token_ids,
        ARRAY(SELECT c.site FROM unnest(%(capture)s::lm.site[]) AS c (site) ORDER BY c.site),
        %(layers)s::int[], %(positions)s::int[], %(top_logits)s, %(interventions)s, %(digest)s,
        %(dtype)s, COALESCE(i.started_at, clock_timestamp()), i.seconds * interval '1 s'
    FROM imported_text AS i
    WHERE i.is_new
    ORDER BY i.number
    """,
    """
    INSERT INTO lm.run_token (run_id, position, token_id)
    SELECT i.run_id, t.position, t.token_id
    FROM imported_text AS i
    INNER JOIN imported_token AS t ON t.text_id = i.text_id
    WHERE i.is_new
    ORDER BY i.number, t.position
    """,
    """
    INSERT INTO lm.tag (run_id, position, name, value)
    SELECT i.run_id, g.position, g.name, g.value
    FROM imported_text AS i
    INNER JOIN imported_tag AS g ON g.text_id = i.text_id
    WHERE i.is_new
    """,
    """
    INSERT INTO lm.tag (run_id, name, value)
    SELECT i.run_id, g.name, g.value
    FROM imported_text AS i
    CROSS JOIN LATERAL (VALUES ('source', i.source), ('line', i.line::text)) AS g (name, value)
    WHERE i.is_new AND g.value IS NOT NULL
    ON CONFLICT DO NOTHING
    """,
)
"""Makes the runs that are not."""
