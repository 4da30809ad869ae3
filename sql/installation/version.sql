-- Which version is in the database: psqlm.found, empty where there is none, and psqlm.found_digest.
-- Before versions were counted there was a digest alone: version 0.

DO $$
DECLARE
    newest int := current_setting('psqlm.version');
    found_version int;
    found_digest text;
BEGIN
    IF to_regclass('lm.installation') IS NOT NULL THEN
        SELECT
            COALESCE((to_jsonb(i) ->> 'version')::int, 0),
            i.digest
        INTO found_version, found_digest
        FROM lm.installation AS i;
    END IF;

    IF found_version > newest THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format(
                'the database %s was installed by a newer psqlm (version %s of its tables and code, this one has %s)',
                current_database(), found_version, newest
            ),
            HINT = 'upgrade psqlm, or use another database';
    END IF;

    PERFORM
        set_config('psqlm.found', COALESCE(found_version::text, ''), true),
        set_config('psqlm.found_digest', COALESCE(found_digest, ''), true);
END
$$;
