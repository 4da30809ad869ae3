-- Who waits for whom. Order of locks: the model's name, its row, its runs, and at the very end the
-- tables of weights, for which nobody waits: what runs and what goes never wait for each other.

CREATE OR REPLACE FUNCTION lm_internal.hold_model(
    model_id int
)
RETURNS int
LANGUAGE sql
VOLATILE
-- who may run a model need not be allowed to change its row
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN COALESCE(
    (SELECT m.model_id FROM lm.model AS m WHERE m.model_id = hold_model.model_id FOR KEY SHARE),
    lm_internal.fail(
        NULL::int,
        'the model has been dropped meanwhile',
        'SELECT name FROM lm.model lists those that are loaded'
    )
);

COMMENT ON FUNCTION lm_internal.hold_model IS
'Keeps a model from being dropped until the transaction ends: what runs it will find it. Errors: it is gone.';

CREATE OR REPLACE FUNCTION lm_internal.who_holds(
    name text
)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        string_agg(
            concat_ws(
                ' ',
                format('session %s', a.pid),
                format('(%s)', concat_ws(', ', a.usename, nullif(a.application_name, ''), a.state))
            ),
            ', ' ORDER BY a.pid
        )
    FROM pg_stat_activity AS a
    WHERE a.pid <> pg_backend_pid()
        AND EXISTS (
            SELECT
            FROM pg_locks AS l
            WHERE l.pid = a.pid
                AND l.granted
                AND l.database = (
                    SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
                )
                AND (
                    (
                        l.relation IN ('lm.model'::regclass, 'lm.run'::regclass)
                        AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
                    )
                    OR (
                        l.locktype = 'advisory'
                        AND (l.classid::bigint << 32) + l.objid::bigint
                            = hashtextextended('lm.model ' || who_holds.name, 0)
                    )
                )
        );
END;

COMMENT ON FUNCTION lm_internal.who_holds IS
'The other sessions whose open transactions run or change models, or load this one: those that a drop may wait for.';

CREATE OR REPLACE FUNCTION lm_internal.lock_model(
    name text
)
RETURNS int
LANGUAGE plpgsql
VOLATILE
-- shorter than deadlock_timeout: we give way before two waits for each other are a deadlock
SET lock_timeout = '400ms'
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gives_up_at timestamptz := clock_timestamp() + '5 s'::interval;
    locked int;
BEGIN
    LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('lm.model ' || lock_model.name, 0));
            SELECT m.model_id INTO locked
            FROM lm.model AS m
            WHERE m.name = lock_model.name
            FOR UPDATE;

            PERFORM r.run_id
            FROM lm.run AS r
            WHERE r.model_id = locked
            ORDER BY r.run_id
            FOR UPDATE;

            RETURN locked;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                IF clock_timestamp() > gives_up_at THEN
                    RAISE EXCEPTION USING
                        MESSAGE = format(
                            'model "%s" is in use by %s',
                            lock_model.name,
                            COALESCE(lm_internal.who_holds(lock_model.name), 'another session')
                        ),
                        HINT = 'try again when that transaction has ended',
                        ERRCODE = 'lock_not_available';
                END IF;
        END;
        PERFORM pg_sleep(0.05 + random() / 10);
    END LOOP;
END
$$;

COMMENT ON FUNCTION lm_internal.lock_model IS
'Waits a few seconds for the sessions that run a model, or load one of its name, and then keeps others from it. Returns its key; NULL: there is no such model. Errors: it stays in use, with the sessions that use it.';
