-- What there is to compare: the objects of lm and lm_internal, in use and rehearsed, what needs
-- what, and comments.

-- signature: what CREATE OR REPLACE cannot change; of tables, nothing is replaced
CREATE TEMPORARY VIEW psqlm_object AS
WITH
object AS (
    SELECT
        p.pronamespace AS schema,
        'pg_proc'::regclass AS class,
        p.oid AS object,
        'routine' AS kind,
        p.proname AS name,
        p.oid::regprocedure::text AS identity,
        concat_ws(
            ' ',
            p.prokind, p.provariadic, p.pronargdefaults, p.proargnames, p.proargmodes,
            pg_get_function_result(p.oid)
        ) AS signature
    FROM pg_proc AS p

    UNION ALL

    SELECT
        c.relnamespace,
        'pg_class'::regclass,
        c.oid,
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'c' THEN 'type' ELSE 'table' END,
        c.relname,
        c.oid::regclass::text,
        (
            SELECT
                string_agg(
                    a.attname || ' ' || format_type(a.atttypid, a.atttypmod),
                    ', '
                    ORDER BY a.attnum
                )
            FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        )
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND NOT c.relispartition

    UNION ALL

    SELECT
        t.typnamespace,
        'pg_type'::regclass,
        t.oid,
        'enum',
        t.typname,
        t.oid::regtype::text,
        ''
    FROM pg_type AS t
    WHERE t.typtype IN ('e', 'd')
)

SELECT
    n.nspname IN ('lm_rehearsal', 'lm_internal_rehearsal') AS is_rehearsed,
    o.class,
    o.object,
    o.kind,
    CASE WHEN n.nspname LIKE 'lm\_internal%' THEN 'lm_internal.' ELSE '' END || o.name AS name,
    regexp_replace(
        regexp_replace(o.identity, s.schemas, '', 'g'),
        '\mlm_internal_rehearsal\.', 'lm_internal.', 'g'
    ) AS identity,
    regexp_replace(
        regexp_replace(o.signature, s.schemas, '', 'g'),
        '\mlm_internal_rehearsal\.', 'lm_internal.', 'g'
    ) AS signature
FROM object AS o
CROSS JOIN (
    -- neither the rehearsal nor a pgvector that has moved makes a difference
    SELECT
        format(
            '\m(lm|lm_rehearsal|%s)\.',
            regexp_replace(e.extnamespace::regnamespace::text, '(\W)', '\\\1', 'g')
        ) AS schemas
    FROM pg_extension AS e
    WHERE e.extname = 'vector'
) AS s
INNER JOIN pg_namespace AS n ON n.oid = o.schema
WHERE n.nspname IN ('lm', 'lm_internal', 'lm_rehearsal', 'lm_internal_rehearsal');

-- what a view needs, its rule needs; what needs the type of a relation's rows, needs the relation
CREATE TEMPORARY VIEW psqlm_need AS
WITH
relation AS (
    SELECT
        'pg_rewrite'::regclass AS class,
        r.oid AS object,
        r.ev_class AS relation
    FROM pg_rewrite AS r

    UNION ALL

    SELECT
        'pg_type'::regclass,
        t.oid,
        COALESCE(NULLIF(t.typrelid, 0), e.typrelid)
    FROM pg_type AS t
    LEFT JOIN pg_type AS e ON e.oid = t.typelem
    WHERE t.typrelid <> 0 OR e.typrelid <> 0
)

SELECT
    CASE WHEN n.relation IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS class,
    COALESCE(n.relation, d.objid) AS object,
    CASE WHEN m.relation IS NULL THEN d.refclassid ELSE 'pg_class'::regclass END AS needed_class,
    COALESCE(m.relation, d.refobjid) AS needed,
    d.refobjsubid AS needed_column
FROM pg_depend AS d
LEFT JOIN relation AS n ON n.class = d.classid AND n.object = d.objid
LEFT JOIN relation AS m ON m.class = d.refclassid AND m.object = d.refobjid;

-- comments on what is not made again, that are to be others
CREATE TEMPORARY VIEW psqlm_comment AS
SELECT
    o.object,
    COALESCE(
        CASE WHEN b.attnum > 0 THEN format('COLUMN %s.%I', o.object::regclass, b.attname) END,
        CASE o.kind
            WHEN 'table' THEN format('TABLE %s', o.object::regclass)
            ELSE format('TYPE lm.%s', o.identity)
        END
    ) AS subject,
    d.description
FROM pg_temp.psqlm_object AS o
INNER JOIN pg_temp.psqlm_object AS n
    ON n.is_rehearsed AND n.kind = o.kind AND n.identity = o.identity
INNER JOIN pg_description AS d ON d.classoid = n.class AND d.objoid = n.object
LEFT JOIN pg_attribute AS a ON a.attrelid = n.object AND a.attnum = NULLIF(d.objsubid, 0)
LEFT JOIN pg_attribute AS b ON b.attrelid = o.object AND b.attname = a.attname
WHERE NOT o.is_rehearsed
    AND o.kind IN ('table', 'enum')
    AND (a.attnum IS NULL) = (b.attnum IS NULL)
    AND d.description IS DISTINCT FROM (
        SELECT e.description
        FROM pg_description AS e
        WHERE e.classoid = o.class AND e.objoid = o.object AND e.objsubid = COALESCE(b.attnum, 0)
    )

UNION ALL

SELECT
    m.oid,
    'SCHEMA ' || m.nspname,
    obj_description(n.oid, 'pg_namespace')
FROM pg_namespace AS m
INNER JOIN pg_namespace AS n ON n.nspname = m.nspname || '_rehearsal'
WHERE m.nspname IN ('lm', 'lm_internal')
    AND obj_description(m.oid, 'pg_namespace')
        IS DISTINCT FROM obj_description(n.oid, 'pg_namespace');
