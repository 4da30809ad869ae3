-- Names in the code are bound by now. Each has to mean an object of PostgreSQL's, of psqlm's or of
-- pgvector's: another's, in pgvector's schema or in lm, would run with the rights of every caller.

DO $$
DECLARE
    stranger record;
BEGIN
    WITH
    ours AS (
        SELECT
            o.class,
            o.object
        FROM pg_temp.psqlm_object AS o
        INNER JOIN lm.installed_object AS i ON i.kind = o.kind AND i.identity = o.identity
        WHERE NOT o.is_rehearsed
    ),

    -- what PostgreSQL came with needs no record, and has none
    needed AS (
        SELECT
            n.needed_class AS class,
            n.needed AS object,
            min(pg_describe_object(n.class, n.object, 0)) AS used_by
        FROM ours AS o
        INNER JOIN pg_temp.psqlm_need AS n ON n.class = o.class AND n.object = o.object
        WHERE o.class = 'pg_proc'::regclass
            OR o.object IN (SELECT c.oid FROM pg_class AS c WHERE c.relkind IN ('v', 'c'))
        GROUP BY
            n.needed_class,
            n.needed
    ),

    -- pgvector's own, unless somebody made theirs a part of it
    vector AS (
        SELECT
            d.classid AS class,
            d.objid AS object
        FROM pg_extension AS e
        INNER JOIN pg_depend AS d
            ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        LEFT JOIN pg_operator AS o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
        LEFT JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
        LEFT JOIN pg_roles AS r ON r.oid = COALESCE(p.proowner, o.oprowner, t.typowner)
        WHERE e.extname = 'vector'
            AND (COALESCE(r.rolsuper, true) OR r.rolname = current_user)
    ),

    known AS (
        SELECT
            o.class,
            o.object
        FROM ours AS o

        UNION ALL

        SELECT
            v.class,
            v.object
        FROM vector AS v
    ),

    -- and what comes with them: arrays of their types, sequences of their columns, keys
    known_parts AS (
        SELECT
            d.classid AS class,
            d.objid AS object
        FROM known AS k
        INNER JOIN pg_depend AS d
            ON d.refclassid = k.class AND d.refobjid = k.object AND d.deptype IN ('a', 'i')
    )

    SELECT
        pg_describe_object(n.class, n.object, 0) AS name,
        n.used_by
    INTO stranger
    FROM needed AS n
    WHERE (n.class, n.object) NOT IN (SELECT k.class, k.object FROM known AS k)
        AND (n.class, n.object) NOT IN (SELECT k.class, k.object FROM known_parts AS k)
        AND n.class NOT IN (
            'pg_namespace'::regclass, 'pg_language'::regclass, 'pg_extension'::regclass
        )
        AND COALESCE((pg_identify_object(n.class, n.object, 0)).schema, '')
            NOT IN ('pg_catalog', 'information_schema')
    ORDER BY name
    LIMIT 1;

    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s would be part of %s, and is not psqlm''s', stranger.name, stranger.used_by),
            HINT = 'drop it, or move it to another schema';
    END IF;
END
$$;
