-- What psqlm needs of a server and a database: refused here, before anything is made.

DO $$
DECLARE
    oldest_server int := 16;
    oldest_pgvector text := '0.7';
    get_pgvector text := 'see github.com/pgvector/pgvector, use the image pgvector/pgvector, '
        || 'or leave out the DSN for the embedded server';
    server int := current_setting('server_version_num')::int / 10000;
    encoding text := current_setting('server_encoding');
    available text;
    installed text;
BEGIN
    IF server < oldest_server THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format(
                'PostgreSQL %s is too old, psqlm needs %s or later', server, oldest_server
            ),
            HINT = 'upgrade, or leave out the DSN for the embedded server';
    END IF;

    IF encoding <> 'UTF8' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format(
                'the database %s is encoded in %s, psqlm needs UTF8', current_database(), encoding
            ),
            HINT = 'CREATE DATABASE psqlm ENCODING ''UTF8'' TEMPLATE template0, and connect to that';
    END IF;

    SELECT e.default_version
    INTO available
    FROM pg_available_extensions AS e
    WHERE e.name = 'vector';

    SELECT e.extversion
    INTO installed
    FROM pg_extension AS e
    WHERE e.extname = 'vector';

    IF COALESCE(installed, available) IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'this server has no pgvector',
            HINT = get_pgvector;
    END IF;

    IF string_to_array(COALESCE(installed, available), '.')::int[]
        < string_to_array(oldest_pgvector, '.')::int[] THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format(
                'pgvector %s is too old, psqlm needs %s or later',
                COALESCE(installed, available), oldest_pgvector
            ),
            HINT = CASE
                WHEN string_to_array(available, '.')::int[]
                    >= string_to_array(oldest_pgvector, '.')::int[]
                    THEN 'run ALTER EXTENSION vector UPDATE in this database'
                ELSE get_pgvector
            END;
    END IF;
END
$$;
