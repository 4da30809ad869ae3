-- What the rehearsal has shown to differ goes, with the code that needs it; the rest is replaced in
-- place, so that statements under way find it. What a user made is never dropped: where it stands
-- in the way, the installation ends and names it.

DO $$
DECLARE
    in_the_way text;
    statements text;
BEGIN
    SELECT string_agg(pg_describe_object(o.class, o.object, 0), ', ' ORDER BY o.identity)
    INTO in_the_way
    FROM pg_temp.psqlm_object AS o
    WHERE NOT o.is_rehearsed
        AND (o.kind, o.identity) NOT IN (SELECT i.kind, i.identity FROM lm.installed_object AS i)
        AND EXISTS (
            SELECT
            FROM pg_temp.psqlm_object AS n
            WHERE n.is_rehearsed
                AND n.name = o.name
                AND (n.kind = 'routine') = (o.kind = 'routine')
        );

    IF in_the_way IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('psqlm makes what is named as an object of yours: %s', in_the_way),
            HINT = 'rename it, or move it to another schema';
    END IF;

    WITH RECURSIVE
    changed_column AS (
        SELECT
            a.attrelid,
            a.attnum
        FROM pg_temp.psqlm_object AS o
        INNER JOIN pg_attribute AS a ON a.attrelid = o.object AND a.attnum > 0 AND NOT a.attisdropped
        INNER JOIN lm.installed_object AS i ON i.kind = o.kind AND i.identity = o.identity
        WHERE NOT o.is_rehearsed AND o.kind = 'table'
            AND NOT EXISTS (
                SELECT
                FROM pg_temp.psqlm_object AS n
                INNER JOIN pg_attribute AS b ON b.attrelid = n.object
                WHERE n.is_rehearsed
                    AND n.kind = 'table'
                    AND n.identity = o.identity
                    AND b.attname = a.attname
                    AND replace(format_type(b.atttypid, b.atttypmod), 'lm_rehearsal.', 'lm.')
                        = format_type(a.atttypid, a.atttypmod)
            )
    ),

    stale AS (
        SELECT
            o.class,
            o.object
        FROM pg_temp.psqlm_object AS o
        INNER JOIN lm.installed_object AS i ON i.kind = o.kind AND i.identity = o.identity
        LEFT JOIN pg_temp.psqlm_object AS n
            ON n.is_rehearsed AND n.kind = o.kind AND n.identity = o.identity
        WHERE NOT o.is_rehearsed
            AND o.kind IN ('routine', 'view', 'type')
            -- a view may take more columns behind those that it has
            AND NOT COALESCE(
                CASE
                    WHEN o.kind = 'view' THEN starts_with(n.signature || ',', o.signature || ',')
                    ELSE n.signature = o.signature
                END,
                false
            )

        UNION

        SELECT
            d.class::regclass,
            d.object
        FROM changed_column AS c
        INNER JOIN pg_temp.psqlm_need AS d
            ON d.needed_class = 'pg_class'::regclass
            AND d.needed = c.attrelid
            AND d.needed_column = c.attnum
        LEFT JOIN pg_class AS r ON d.class = 'pg_class'::regclass AND r.oid = d.object
        WHERE d.class = 'pg_proc'::regclass OR r.relkind IN ('v', 'm')

        UNION

        SELECT
            d.class::regclass,
            d.object
        FROM stale AS s
        INNER JOIN pg_temp.psqlm_need AS d ON d.needed_class = s.class AND d.needed = s.object
        LEFT JOIN pg_class AS r ON s.class = 'pg_class'::regclass AND r.oid = s.object
        -- a table that is in the way is enough
        WHERE r.relkind IS DISTINCT FROM 'r'
    ),

    -- all that needs them, so that CASCADE, which spares us their order, takes nothing more
    doomed AS (
        SELECT
            pg_describe_object(s.class, s.object, 0) AS description,
            i.identity IS NOT NULL AND o.kind <> 'table' AS is_ours,
            CASE o.kind
                WHEN 'routine' THEN 'DROP ROUTINE IF EXISTS ' || s.object::regprocedure
                ELSE format('DROP %s IF EXISTS %s', o.kind, s.object::regclass)
            END AS statement
        FROM stale AS s
        LEFT JOIN pg_temp.psqlm_object AS o
            ON o.class = s.class AND o.object = s.object AND NOT o.is_rehearsed
        LEFT JOIN lm.installed_object AS i ON i.kind = o.kind AND i.identity = o.identity
    )

    SELECT
        string_agg(d.description, ', ' ORDER BY d.description) FILTER (WHERE NOT d.is_ours),
        string_agg(d.statement || ' CASCADE', ';') FILTER (WHERE d.is_ours)
    INTO in_the_way, statements
    FROM doomed AS d;

    IF in_the_way IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('objects of yours need what this version of psqlm changes: %s', in_the_way),
            HINT = 'drop them, let psqlm install, and make them again';
    END IF;

    IF statements IS NOT NULL THEN
        EXECUTE statements;
    END IF;
END
$$;
