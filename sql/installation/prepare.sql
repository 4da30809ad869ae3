-- One installation at a time: a second one waits here, and then finds what the first has made. Then
-- the schema and pgvector.

DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('psqlm'));
END
$$;

\ir version.sql

DO $$
DECLARE
    stranger text;
BEGIN
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
    INTO stranger
    FROM pg_namespace AS n
    INNER JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
    WHERE n.nspname = 'lm' AND current_setting('psqlm.found') = ''
    ORDER BY d.objid
    LIMIT 1;

    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('psqlm did not make the schema lm of this database (there is %s)', stranger),
            HINT = 'ALTER SCHEMA lm RENAME TO …, or use another database';
    END IF;

    IF to_regnamespace('lm') IS NULL THEN
        CREATE SCHEMA lm;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'vector') THEN
        CREATE EXTENSION vector SCHEMA public;
    END IF;
END
$$;
