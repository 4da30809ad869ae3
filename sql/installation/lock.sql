-- All that readers hold, at once or not at all: views, which are replaced, and the tables that code
-- names; before a migration, the tables altogether. Whoever waits for us waits less than
-- deadlock_timeout, so that it is always we who give way and try again.

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    patience interval := '30 s';
    began timestamptz := clock_timestamp();
    tried timestamptz;
    migrates boolean := current_setting('psqlm.found')::int < current_setting('psqlm.version')::int;
    contested oid[] := '{}';
    relation record;
BEGIN
    LOOP
        BEGIN
            SET LOCAL lock_timeout = '400ms';
            tried := clock_timestamp();
            FOR relation IN
                SELECT
                    o.object,
                    o.object::regclass AS name,
                    CASE
                        WHEN o.kind = 'view' THEN 'ALTER VIEW %s RESET (security_barrier)'
                        WHEN migrates THEN 'LOCK TABLE %s IN ACCESS EXCLUSIVE MODE'
                        WHEN o.object IN (SELECT c.object FROM pg_temp.psqlm_comment AS c)
                            THEN 'LOCK TABLE ONLY %1$s IN ROW EXCLUSIVE MODE;'
                                'LOCK TABLE ONLY %1$s IN SHARE UPDATE EXCLUSIVE MODE'
                        ELSE 'LOCK TABLE ONLY %s IN ROW EXCLUSIVE MODE'
                    END AS statement
                FROM pg_temp.psqlm_object AS o
                INNER JOIN lm.installed_object AS i ON i.kind = o.kind AND i.identity = o.identity
                WHERE NOT o.is_rehearsed AND o.kind IN ('table', 'view')
                ORDER BY array_position(contested, o.object), o.kind, o.identity
            LOOP
                EXECUTE format(relation.statement, relation.name);
                IF clock_timestamp() > tried + interval '500 ms' THEN
                    RAISE lock_not_available;
                END IF;
            END LOOP;
            EXIT;
        EXCEPTION
            WHEN lock_not_available THEN
                IF clock_timestamp() > began + patience THEN
                    RAISE object_not_in_prerequisite_state USING
                        MESSAGE = format('%s has been in use all the time for %s', relation.name, patience),
                        HINT = 'try again when SELECT * FROM pg_stat_activity shows no long query';
                END IF;
                -- A statement held it that waited for one of ours. Next time it is the first, so that
                -- such a statement waits for it and holds nothing yet.
                contested := relation.object || array_remove(contested, relation.object);
                PERFORM pg_sleep(0.05 + 0.2 * random());
        END;
    END LOOP;
END
$$;
