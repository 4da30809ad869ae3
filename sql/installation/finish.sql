-- The end: what psqlm has made is recorded, the rehearsal goes, and the names in the code are
-- checked.

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    was_rehearsed boolean := to_regnamespace('lm_rehearsal') IS NOT NULL;
BEGIN
    DELETE FROM lm.installed_object;

    INSERT INTO lm.installed_object (kind, identity)
    SELECT
        o.kind,
        o.identity
    FROM pg_temp.psqlm_object AS o
    WHERE o.is_rehearsed = was_rehearsed;

    DELETE FROM lm.installation;

    INSERT INTO lm.installation (version, digest)
    VALUES (
        current_setting('psqlm.version')::int,
        NULLIF(current_setting('psqlm.digest', true), '')
    );

    IF was_rehearsed THEN
        DROP SCHEMA lm_rehearsal, lm_internal_rehearsal CASCADE;
    END IF;
END
$$;

\ir check_names.sql
\ir roles.sql

DROP VIEW pg_temp.psqlm_comment, pg_temp.psqlm_object, pg_temp.psqlm_need;
