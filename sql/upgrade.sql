-- Code of an earlier version goes before this version's comes: what was renamed, or takes other
-- arguments now, would stay beside it. Tables are left alone, and so is code that they or objects
-- of the user's own need.

DO $$
DECLARE
    statements text;
BEGIN
    WITH RECURSIVE
    code AS (
        SELECT
            'pg_proc'::regclass AS class,
            p.oid AS object,
            format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) AS statement
        FROM pg_proc AS p
        WHERE p.pronamespace = 'lm'::regnamespace

        UNION ALL

        SELECT
            'pg_class'::regclass,
            c.oid,
            format('DROP VIEW IF EXISTS %s CASCADE', c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = 'lm'::regnamespace AND c.relkind = 'v'
    ),

    -- what a view needs, its rule needs; what needs the type of a view's rows, needs the view
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
    ),

    need AS (
        SELECT
            CASE WHEN n.relation IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS class,
            COALESCE(n.relation, d.objid) AS object,
            CASE WHEN m.relation IS NULL THEN d.refclassid ELSE 'pg_class'::regclass END AS needed_class,
            COALESCE(m.relation, d.refobjid) AS needed
        FROM pg_depend AS d
        LEFT JOIN relation AS n ON n.class = d.classid AND n.object = d.objid
        LEFT JOIN relation AS m ON m.class = d.refclassid AND m.object = d.refobjid
    ),

    -- code that something else needs, and what that code needs in turn
    kept AS (
        SELECT
            c.class,
            c.object
        FROM code AS c
        INNER JOIN need AS n ON n.needed_class = c.class AND n.needed = c.object
        WHERE (n.class, n.object) NOT IN (SELECT o.class, o.object FROM code AS o)

        UNION

        SELECT
            n.needed_class::regclass,
            n.needed
        FROM kept AS k
        INNER JOIN need AS n ON n.class = k.class AND n.object = k.object
    )

    SELECT string_agg(c.statement, ';')
    INTO statements
    FROM code AS c
    WHERE (c.class, c.object) NOT IN (SELECT k.class, k.object FROM kept AS k);

    IF statements IS NOT NULL THEN
        EXECUTE statements;
    END IF;
END
$$;
