-- After the migrations: the tables have every column that the rehearsal has, or else the code would
-- fail in a less obvious place. Columns that a user has added may stay.

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    missing text;
BEGIN
    SELECT
        string_agg(
            format('%s.%s', replace(o.object::regclass::text, '_rehearsal.', '.'), a.attname),
            ', '
            ORDER BY o.identity, a.attnum
        )
    INTO missing
    FROM pg_temp.psqlm_object AS o
    INNER JOIN pg_attribute AS a ON a.attrelid = o.object AND a.attnum > 0
    WHERE o.is_rehearsed AND o.kind = 'table'
        AND NOT EXISTS (
            SELECT
            FROM pg_temp.psqlm_object AS n
            INNER JOIN pg_attribute AS b ON b.attrelid = n.object
            WHERE NOT n.is_rehearsed
                AND n.kind = 'table'
                AND n.identity = o.identity
                AND b.attname = a.attname
                AND format_type(b.atttypid, b.atttypmod)
                    = replace(format_type(a.atttypid, a.atttypmod), 'lm_rehearsal.', 'lm.')
        );

    IF missing IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the tables of this database are not those of its version: %s', missing),
            HINT = 'restore a backup, or use another database';
    END IF;
END
$$;

DO $$
DECLARE
    comment record;
BEGIN
    FOR comment IN TABLE pg_temp.psqlm_comment
    LOOP
        EXECUTE format('COMMENT ON %s IS %L', comment.subject, comment.description);
    END LOOP;
END
$$;
