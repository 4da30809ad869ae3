"""What holds of a database whatever has happened to it: queries that must return no rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psycopg

from trust.world import COMMANDS, World

INVARIANTS = {
    "a model lacks rows of its tokenizer": """
        SELECT m.name
        FROM lm.model AS m
        WHERE m.sha256 = ''
            OR NOT EXISTS (SELECT FROM lm.tokenizer AS t WHERE t.model_id = m.model_id)
            OR NOT EXISTS (SELECT FROM lm.merge AS g WHERE g.model_id = m.model_id)
            OR m.n_vocab <> (
                SELECT count(*) FROM lm.vocabulary AS v WHERE v.model_id = m.model_id
            )
    """,
    "a model lacks embeddings": """
        SELECT m.name
        FROM lm.model AS m
        WHERE m.n_vocab * ceil(m.d_model::numeric / m.d_block) <> (
            SELECT count(*) FROM lm.token_embedding AS e WHERE e.model_id = m.model_id
        )
            OR (SELECT count(*) FROM lm.position_embedding AS p WHERE p.model_id = m.model_id)
            NOT IN (0, m.n_ctx)
    """,
    "a layer lacks rows of a linear map or of a norm": """
        SELECT m.name, l.layer, w.map
        FROM lm.model AS m
        CROSS JOIN generate_series(0, m.n_layer - 1) AS l (layer)
        CROSS JOIN LATERAL (
            VALUES
            ('q'::lm.site, m.n_head * m.d_head, m.d_model),
            ('k', m.n_kv_head * m.d_head, m.d_model),
            ('v', m.n_kv_head * m.d_head, m.d_model),
            ('attn_out', m.d_model, m.n_head * m.d_head),
            ('mlp_pre', m.d_mlp, m.d_model),
            ('mlp_out', m.d_model, m.d_mlp)
        ) AS w (map, outputs, inputs)
        WHERE w.outputs * ceil(w.inputs::numeric / m.d_block) <> (
            SELECT count(*)
            FROM lm.linear AS r
            WHERE r.model_id = m.model_id AND r.layer = l.layer AND r.map = w.map
        )
            OR (
                SELECT count(*)
                FROM lm.layer_norm AS n
                WHERE n.model_id = m.model_id AND n.layer = l.layer
            ) <> 2
    """,
    "a model lacks the norm at its end": """
        SELECT m.name
        FROM lm.model AS m
        WHERE NOT EXISTS (
            SELECT
            FROM lm.layer_norm AS n
            WHERE n.model_id = m.model_id AND n.layer = m.n_layer AND n.site = 'ln_final'
        )
    """,
    "weights of no model": """
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.relnamespace = 'lm'::regnamespace
            AND c.relkind = 'r'
            AND c.relname ~ '^(token_embedding|unembedding|linear)_[0-9]+$'
            AND NOT EXISTS (
                SELECT
                FROM lm.model AS m
                INNER JOIN pg_inherits AS i ON i.inhrelid = c.oid
                WHERE substring(
                    pg_get_expr(c.relpartbound, c.oid) FROM 'IN \\((\\d+)\\)'
                )::int = m.model_id
            )
    """,
    "a run lacks tokens": """
        SELECT r.run_id
        FROM lm.run AS r
        LEFT JOIN lm.run_token AS t USING (run_id)
        GROUP BY r.run_id
        HAVING array_agg(t.token_id ORDER BY t.position) <> r.token_ids
            OR max(t.position) + 1 <> count(*)
    """,
    "a run lacks adjustments": """
        SELECT r.run_id
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        WHERE 'attn_out' = ANY (r.capture)
            AND m.n_layer * cardinality(r.token_ids) <> (
                SELECT count(*) FROM lm.attention_adjustment AS a WHERE a.run_id = r.run_id
            )
    """,
    "a run lacks activations": """
        SELECT r.run_id, s.site, w.n
        FROM lm.run AS r
        INNER JOIN lm.model AS m USING (model_id)
        CROSS JOIN unnest(r.capture) AS s (site)
        CROSS JOIN LATERAL (
            SELECT
                cardinality(r.token_ids)
                * CASE WHEN s.site IN ('embed', 'pos_embed', 'ln_final') THEN 1 ELSE m.n_layer END
                * CASE
                    WHEN s.site IN ('q', 'rot_q', 'attn_scores', 'pattern', 'z') THEN m.n_head
                    WHEN s.site IN ('k', 'rot_k', 'v') THEN m.n_kv_head
                    ELSE 1
                END AS n
        ) AS w
        WHERE s.site NOT IN ('attn_out', 'logits')
            AND w.n <> (
                SELECT count(*)
                FROM lm.activation AS a
                WHERE a.run_id = r.run_id AND a.site = s.site
            )
    """,
    "vectors in another dtype than their run": """
        SELECT r.run_id
        FROM lm.run AS r
        INNER JOIN (
            SELECT run_id, adjustment_half IS NULL AS is_full FROM lm.stored_adjustment
            UNION
            SELECT run_id, value_half IS NULL FROM lm.stored_activation
        ) AS v USING (run_id)
        WHERE v.is_full <> (r.capture_dtype = 'float32')
    """,
    "a run lacks logits": """
        SELECT r.run_id
        FROM lm.run AS r
        WHERE 'logits' = ANY (r.capture)
            AND r.top_logits * cardinality(r.token_ids) <> (
                SELECT count(*) FROM lm.logit AS l WHERE l.run_id = r.run_id
            )
    """,
    "rows of no run": """
        SELECT x.what, x.run_id
        FROM (
            SELECT 'token' AS what, run_id FROM lm.run_token
            UNION
            SELECT 'adjustment', run_id FROM lm.attention_adjustment
            UNION
            SELECT 'activation', run_id FROM lm.activation
            UNION
            SELECT 'logit', run_id FROM lm.logit
            UNION
            SELECT 'tag', run_id FROM lm.tag
            UNION
            SELECT 'sweep', unnest(ARRAY[clean_run, corrupt_run]) FROM lm.patching_sweep
        ) AS x
        WHERE x.run_id NOT IN (SELECT r.run_id FROM lm.run AS r)
    """,
    "a run of no model": """
        SELECT r.run_id
        FROM lm.run AS r
        WHERE r.model_id NOT IN (SELECT m.model_id FROM lm.model AS m)
    """,
    "a sweep lacks effects": """
        SELECT s.sweep_id
        FROM lm.patching_sweep AS s
        INNER JOIN lm.run AS r ON r.run_id = s.corrupt_run
        INNER JOIN lm.model AS m USING (model_id)
        WHERE (s.clean_difference, s.corrupt_difference) IN (('NaN', 'NaN'))
            OR m.n_layer * CASE s.site WHEN 'z' THEN m.n_head ELSE cardinality(r.token_ids) END
            <> (
                SELECT count(*)
                FROM lm.patching_effect AS e
                WHERE e.sweep_id = s.sweep_id AND e.logit_difference <> 'NaN'
            )
    """,
    "a generation that is over": "SELECT g.generation_id FROM lm.generation AS g WHERE NOT g.keep",
    "keys and values of no generation": """
        SELECT DISTINCT c.generation_id
        FROM lm.attention_cache AS c
        WHERE c.generation_id NOT IN (SELECT g.generation_id FROM lm.generation AS g)
    """,
    "an index that is not to be used": """
        SELECT i.indexrelid::regclass
        FROM pg_index AS i
        WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
    """,
    "another version of the installation": """
        SELECT count(*)
        FROM lm.installation AS i
        HAVING count(*) <> 1
    """,
    "a schema of the installation's": """
        SELECT n.nspname
        FROM pg_namespace AS n
        WHERE n.nspname !~ '^(pg_|lm$|lm_internal$|public$|information_schema$)'
    """,
    "something temporary": """
        SELECT c.oid::regclass
        FROM pg_class AS c
        WHERE c.relpersistence = 't' OR c.relnamespace::regnamespace::text ~ '^pg_temp'
    """,
    "a lock that nobody gives back": """
        SELECT l.locktype, l.pid
        FROM pg_locks AS l
        INNER JOIN pg_stat_activity AS a USING (pid)
        WHERE l.pid <> pg_backend_pid()
            AND a.backend_type = 'client backend'
            AND (l.locktype = 'advisory' OR l.relation::regclass::text ~ '^lm')
    """,
    "a transaction that nobody ends": f"""
        SELECT a.pid, a.state, a.query
        FROM pg_stat_activity AS a
        WHERE {COMMANDS} AND a.pid <> pg_backend_pid()
        UNION ALL
        SELECT NULL, 'prepared', p.gid
        FROM pg_prepared_xacts AS p
    """,
}  # fmt: skip

# Relations have files by their number; a relation's other forks and later parts have it in front.
ORPHANS = """
    SELECT
        current_setting('data_directory') || '/' || d.folder || '/' || f.name,
        s.size
    FROM (
        SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()
    ) AS d (folder)
    CROSS JOIN LATERAL pg_ls_dir(d.folder) AS f (name)
    CROSS JOIN LATERAL pg_stat_file(d.folder || '/' || f.name, true) AS s
    WHERE f.name ~ '^[0-9]+([._].*)?$'
        -- a dropped relation's file is emptied at once and removed at the next checkpoint
        AND s.size > 0
        AND NOT EXISTS (
            SELECT
            FROM pg_class AS c
            WHERE pg_relation_filenode(c.oid) = substring(f.name FROM '^[0-9]+')::oid
        )
"""


def violations(session: psycopg.Connection) -> list[str]:
    """What does not hold."""
    found = []
    for what, query in INVARIANTS.items():
        if rows := session.execute(query.encode()).fetchall():
            found.append(f"{what}: {rows[:3]}")
    return found


def orphans(session: psycopg.Connection) -> dict[Path, int]:
    """Files of tables that the catalog does not know, and their sizes.

    A transaction that a crash ends leaves those of the tables it has made.
    """
    return {Path(path): size for path, size in session.execute(ORPHANS.encode())}


def remove_orphans(session: psycopg.Connection) -> int:
    """Remove them; returns the bytes. No other session may be there."""
    session.execute("CHECKPOINT")  # from here on no recovery asks for them
    found = orphans(session)
    for path in found:
        path.unlink()
    return sum(found.values())


def unfinished(world: World) -> list[Path]:
    """Folders that a start has not finished."""
    return list(world.home.glob("new-*"))


def contents(session: psycopg.Connection, tables: Iterable[str]) -> dict[str, str]:
    """The number of rows and a hash of them all, of some tables or of queries in parentheses."""
    found = {}
    for table in tables:
        row = session.execute(
            f"""
            SELECT format('%s rows, %s', count(*), md5(string_agg(h.row, '' ORDER BY h.row)))
            FROM (SELECT md5(r::text) AS row FROM {table} AS r) AS h
            """.encode()
        ).fetchone()
        found[table] = str(row and row[0])
    return found
