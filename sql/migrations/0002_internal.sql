-- What users never call has a schema of its own. Code moves there by being made again. The
-- functions of triggers belong to tables, which are kept, and move as they are.

DO $$
DECLARE
    trigger_function text;
BEGIN
    FOR trigger_function IN
        SELECT i.identity
        FROM lm.installed_object AS i
        WHERE i.kind = 'routine' AND i.identity IN ('forget_generation()', 'drop_weights()')
    LOOP
        EXECUTE format('ALTER FUNCTION lm.%s SET SCHEMA lm_internal', trigger_function);

        UPDATE lm.installed_object
        SET identity = 'lm_internal.' || identity
        WHERE kind = 'routine' AND identity = trigger_function;
    END LOOP;
END
$$;
