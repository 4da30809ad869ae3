-- The end: what psqlm has made is recorded, the rehearsal goes, and the names in the code are
-- checked.

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    made text := CASE WHEN to_regnamespace('lm_rehearsal') IS NULL THEN 'lm' ELSE 'lm_rehearsal' END;
BEGIN
    DELETE FROM lm.installed_object;

    INSERT INTO lm.installed_object (kind, identity)
    SELECT
        o.kind,
        o.identity
    FROM pg_temp.psqlm_object AS o
    WHERE o.schema = made;

    DELETE FROM lm.installation;

    INSERT INTO lm.installation (version, digest)
    VALUES (
        current_setting('psqlm.version')::int,
        NULLIF(current_setting('psqlm.digest', true), '')
    );

    IF made = 'lm_rehearsal' THEN
        DROP SCHEMA lm_rehearsal CASCADE;
    END IF;
END
$$;

\ir check_names.sql
\ir roles.sql

DROP VIEW pg_temp.psqlm_comment, pg_temp.psqlm_object, pg_temp.psqlm_need;
