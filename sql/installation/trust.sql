-- Whoever owns the schema lm or lm_internal, or may create in it, decides what its functions do,
-- and they run with the rights of the caller. Refused unless all of them are trusted anyway:
-- superusers, the owner of the database, the role that is connected and the roles it is a member
-- of. Asked at each connection, before anything in the schemas is.

DO $$
DECLARE
    culprit record;
BEGIN
    WITH
    trusted AS (
        SELECT r.oid AS role
        FROM pg_roles AS r
        WHERE r.rolsuper
            OR r.rolname IN (current_user, 'pg_database_owner')
            OR r.oid = (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database())
            -- a superuser counts as a member of every role
            OR (pg_has_role(r.oid, 'MEMBER') AND current_setting('is_superuser') = 'off')
    ),

    schema AS (
        SELECT
            n.oid,
            n.nspname,
            n.nspowner,
            n.nspacl
        FROM pg_namespace AS n
        WHERE n.nspname IN ('lm', 'lm_internal')
    ),

    power AS (
        SELECT
            s.nspowner AS role,
            'owns the schema ' || s.nspname AS power,
            'connect as its owner; or drop the schema, and psqlm makes one of its own' AS cure
        FROM schema AS s

        UNION ALL

        SELECT
            a.grantee,
            format('may create in the schema %s', s.nspname),
            format('REVOKE CREATE ON SCHEMA %s FROM ', s.nspname)
            || CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
        FROM schema AS s
        CROSS JOIN aclexplode(s.nspacl) AS a
        WHERE a.privilege_type = 'CREATE'

        UNION ALL

        SELECT
            c.relowner,
            'owns ' || c.oid::regclass::text,
            format('give it to the owner of the schema %s, or drop it', s.nspname)
        FROM schema AS s
        INNER JOIN pg_class AS c ON c.relnamespace = s.oid

        UNION ALL

        SELECT
            p.proowner,
            'owns ' || p.oid::regprocedure::text,
            format('give it to the owner of the schema %s, or drop it', s.nspname)
        FROM schema AS s
        INNER JOIN pg_proc AS p ON p.pronamespace = s.oid
    )

    SELECT
        CASE WHEN p.role = 0 THEN 'everyone' ELSE 'the role ' || p.role::regrole::text END AS role,
        p.power,
        p.cure
    INTO culprit
    FROM power AS p
    WHERE p.role NOT IN (SELECT t.role FROM trusted AS t)
    ORDER BY
        p.power NOT LIKE 'owns the schema %',
        p.power
    LIMIT 1;

    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s %s and is not to be trusted with it', culprit.role, culprit.power),
            HINT = culprit.cure;
    END IF;
END
$$;
