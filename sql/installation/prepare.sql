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
    stranger record;
BEGIN
    SELECT
        n.nspname AS schema,
        pg_describe_object(d.classid, d.objid, d.objsubid) AS description
    INTO stranger
    FROM pg_namespace AS n
    INNER JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
    WHERE n.nspname IN ('lm', 'lm_internal') AND current_setting('psqlm.found') = ''
    ORDER BY d.objid
    LIMIT 1;

    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format(
                'psqlm did not make the schema %s of this database (there is %s)',
                stranger.schema, stranger.description
            ),
            HINT = format(
                'ALTER SCHEMA %s RENAME TO …, or use another database', stranger.schema
            );
    END IF;

    IF to_regnamespace('lm') IS NULL THEN
        CREATE SCHEMA lm;
    END IF;

    IF to_regnamespace('lm_internal') IS NULL THEN
        CREATE SCHEMA lm_internal;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'vector') THEN
        CREATE EXTENSION vector SCHEMA public;
    END IF;
END
$$;
