-- The roles psqlm_reader and psqlm_runner. They are the server's, not the database's: others may
-- have made them, for a database of theirs or in wait for this one.

CREATE OR REPLACE FUNCTION lm_internal.doubt_of_role(
    role name
)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH
    -- whoever is trusted with the schema lm anyway: see sql/installation/trust.sql
    trusted AS (
        SELECT r.oid AS role
        FROM pg_roles AS r
        WHERE r.rolsuper
            OR r.rolname = current_user
            OR r.oid = (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database())
            OR r.oid = (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = 'lm')
    ),

    doubt AS (
        SELECT
            1 AS rank,
            format(
                'there is no role %s: let a superuser call lm.grant_to_roles()', doubt_of_role.role
            ) AS doubt
        WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = doubt_of_role.role)

        UNION ALL

        SELECT
            2,
            format(
                'the role %s may do more than psqlm gave it: ALTER ROLE %1$s RENAME TO …',
                r.rolname
            )
        FROM pg_roles AS r
        WHERE r.rolname = doubt_of_role.role
            AND (
                r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
                OR r.rolreplication OR r.rolbypassrls
                OR EXISTS (
                    SELECT
                    FROM pg_auth_members AS m
                    WHERE m.member = r.oid
                        AND m.roleid::regrole::text NOT IN ('psqlm_reader', 'psqlm_runner')
                )
            )

        UNION ALL

        -- whoever grants it may take it for themselves, or has
        SELECT
            3,
            format(
                '%s decides who is in the role %s: REVOKE %2$s FROM %1$s CASCADE',
                p.role::regrole, doubt_of_role.role
            )
        FROM pg_roles AS r
        INNER JOIN pg_auth_members AS m ON m.roleid = r.oid
        CROSS JOIN LATERAL (
            VALUES (m.grantor), (CASE WHEN m.admin_option THEN m.member END)
        ) AS p (role)
        WHERE r.rolname = doubt_of_role.role
            AND p.role NOT IN (SELECT t.role FROM trusted AS t)

        UNION ALL

        SELECT
            4,
            format(
                '%I may not decide who is in the role %s: let a superuser'
                ' GRANT %2$s TO %1$I WITH ADMIN OPTION',
                current_user, doubt_of_role.role
            )
        WHERE NOT COALESCE(
            (
                SELECT pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')
                FROM pg_roles AS r
                WHERE r.rolname = doubt_of_role.role
            ),
            true
        )
    )

    SELECT d.doubt
    FROM doubt AS d
    ORDER BY
        d.rank,
        d.doubt
    LIMIT 1;
END;

COMMENT ON FUNCTION lm_internal.doubt_of_role IS
'Why a role is given no rights here: it is not there, it may do more than it should, or others decide who is in it. NULL: it may be given rights.';

CREATE OR REPLACE FUNCTION lm.grant_to_roles()
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    creates boolean := (
        SELECT r.rolsuper OR r.rolcreaterole FROM pg_roles AS r WHERE r.rolname = current_user
    );
    role name;
    doubt text;
    statement text;
BEGIN
    PERFORM lm_internal.require_right('owner', 'give rights to roles');
    FOREACH role IN ARRAY '{psqlm_reader,psqlm_runner}'::name[]
    LOOP
        IF creates AND to_regrole(role::text) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                -- in another database, meanwhile
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        doubt := COALESCE(doubt, lm_internal.doubt_of_role(role));
    END LOOP;
    IF doubt IS NOT NULL THEN
        RETURN doubt;
    END IF;

    IF NOT pg_has_role('psqlm_runner', 'psqlm_reader', 'MEMBER') THEN
        GRANT psqlm_reader TO psqlm_runner;
    END IF;

    FOR statement IN
        SELECT format('GRANT USAGE ON SCHEMA %I TO psqlm_reader', n.nspname)
        FROM pg_namespace AS n
        WHERE n.nspname IN ('lm', 'lm_internal')

        UNION ALL

        SELECT format('GRANT SELECT ON %s TO psqlm_reader', c.oid::regclass)
        FROM pg_namespace AS n
        INNER JOIN pg_class AS c ON c.relnamespace = n.oid
        INNER JOIN lm.installed_object AS i
            ON i.identity = regexp_replace(c.oid::regclass::text, '^lm\.', '')
        WHERE n.nspname IN ('lm', 'lm_internal')
            AND i.kind IN ('table', 'view')
            AND NOT has_table_privilege('psqlm_reader', c.oid, 'SELECT')

        UNION ALL

        SELECT format('GRANT %s TO psqlm_runner', g.rights)
        FROM (
            VALUES
            ('INSERT, DELETE, UPDATE (duration) ON lm.run'),
            ('USAGE ON SEQUENCE lm.run_run_id_seq'),
            ('SELECT ON SEQUENCE lm.run_run_id_seq'),
            ('INSERT ON lm.run_token, lm.stored_adjustment, lm.stored_activation, lm.logit'),
            ('INSERT (run_id, position, name, value), UPDATE, DELETE ON lm.tag'),
            ('INSERT (set_name), DELETE ON lm.intervention_set'),
            ('INSERT, UPDATE, DELETE ON lm.intervention'),
            (
                'INSERT (clean_run, corrupt_run, site, answer, wrong, clean_difference,'
                ' corrupt_difference), UPDATE (clean_difference, corrupt_difference), DELETE'
                ' ON lm.patching_sweep'
            ),
            ('SELECT ON SEQUENCE lm.patching_sweep_sweep_id_seq'),
            ('INSERT ON lm.patching_effect'),
            ('INSERT (model_id, keep), DELETE ON lm.generation'),
            ('INSERT ON lm.attention_cache')
        ) AS g (rights)
    LOOP
        EXECUTE statement;
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION lm.grant_to_roles IS
'Makes the roles psqlm_reader and psqlm_runner, where the caller may make roles, and gives them their rights here. Returns NULL, or why not: see lm_internal.doubt_of_role. Each installation calls it. Errors: the caller does not own the schema lm.';
