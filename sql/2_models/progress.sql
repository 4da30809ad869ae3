-- Long work, seen from another session. psqlm writes how far it is into its application_name,
-- which all sessions see at once, and PostgreSQL says how far a COPY is: neither is a row, so
-- nothing is hidden until a commit, and nothing is left to vacuum.

CREATE OR REPLACE VIEW lm.progress WITH (security_invoker = true) AS
WITH
told AS (
    SELECT
        a.pid,
        a.usename AS role,
        t.said[1] AS what,
        NULLIF(t.said[2], '')::numeric AS done,
        t.said[3]::numeric AS total,
        to_timestamp(t.said[4]::bigint) AS since,
        t.said[5]::int AS id,
        t.said[6] AS model
    FROM pg_stat_activity AS a
    CROSS JOIN regexp_match(
        a.application_name,
        '^psqlm (load|run|generate) (\d{0,12})/(\d{1,12}) (\d{1,12}) (\d{1,9}) (.+)$'
    ) AS t (said)
    WHERE a.datname = current_database() AND t.said IS NOT NULL
),

-- statements of others that run models: they hold a lock on what they write
other AS (
    SELECT
        a.pid,
        a.usename AS role,
        CASE WHEN bool_or(l.relation = 'lm.run'::regclass) THEN 'run' ELSE 'generate' END AS what,
        min(a.xact_start) AS since
    FROM pg_locks AS l
    INNER JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND l.relation IN (
            'lm.run'::regclass, 'lm.generation'::regclass,
            'lm.tag'::regclass, 'lm.patching_sweep'::regclass
        )
        AND l.mode = 'RowExclusiveLock'
        AND l.granted
        AND a.pid NOT IN (SELECT t.pid FROM told AS t)
    GROUP BY a.pid, a.usename
    HAVING bool_or(l.relation IN ('lm.run'::regclass, 'lm.generation'::regclass))
        -- who drops runs writes both
        AND NOT (
            bool_or(l.relation = 'lm.tag'::regclass)
            AND bool_or(l.relation = 'lm.patching_sweep'::regclass)
        )
),

-- a corpus may have several sessions; the furthest knows best
command AS (
    SELECT
        t.id,
        t.what,
        t.model,
        t.role,
        CASE
            WHEN count(t.done) > 0
                THEN least(max(t.done) + COALESCE(sum(c.bytes_processed) / 1e6, 0), max(t.total))
        END AS done,
        max(t.total) AS total,
        min(t.since) AS since,
        array_agg(t.pid ORDER BY t.pid) AS pids
    FROM told AS t
    LEFT JOIN pg_stat_progress_copy AS c ON c.pid = t.pid
    GROUP BY t.id, t.what, t.model, t.role
)

SELECT
    c.id,
    c.what,
    c.model,
    round(c.done) AS done,
    c.total,
    CASE c.what WHEN 'load' THEN 'MB' ELSE 'tokens' END AS unit,
    round(c.done / NULLIF(extract(EPOCH FROM clock_timestamp() - c.since), 0), 1) AS rate,
    c.since,
    c.role,
    c.pids
FROM command AS c

UNION ALL

SELECT
    o.pid,
    o.what,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    o.since,
    o.role,
    ARRAY[o.pid]
FROM other AS o
ORDER BY since, id;

COMMENT ON VIEW lm.progress IS
'What runs now in this database: loads, corpora and generations of the command line with how far they are, and statements of others that run models. psqlm cancel ends one.';
COMMENT ON COLUMN lm.progress.id IS 'What psqlm cancel takes: the process of its first session.';
COMMENT ON COLUMN lm.progress.what IS 'load, run or generate.';
COMMENT ON COLUMN lm.progress.model IS 'The model; NULL: a statement, whose model is not known.';
COMMENT ON COLUMN lm.progress.done IS 'How much is done; NULL: not known. Of a load, what PostgreSQL has read of a table under way is seen by its own role alone.';
COMMENT ON COLUMN lm.progress.total IS 'How much there is to do in all.';
COMMENT ON COLUMN lm.progress.unit IS 'Of what: MB of weights as they are stored, or tokens.';
COMMENT ON COLUMN lm.progress.rate IS 'How much is done in a second.';
COMMENT ON COLUMN lm.progress.since IS 'When it began; NULL where only its own role may know.';
COMMENT ON COLUMN lm.progress.role IS 'Who does it.';
COMMENT ON COLUMN lm.progress.pids IS 'Its sessions'' processes.';
