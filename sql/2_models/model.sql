-- Which model a call means, and how functions refuse bad input.

-- A query cannot raise an error, so this is PL/pgSQL.
CREATE OR REPLACE FUNCTION lm_internal.fail(
    like_type anyelement,
    message text,
    hint text DEFAULT NULL
)
RETURNS anyelement
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- a message made with a NULL argument is NULL, and RAISE does not take that
    message := COALESCE(message, 'an argument is NULL that must have a value');
    IF hint IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = message, ERRCODE = 'invalid_parameter_value';
    END IF;
    RAISE EXCEPTION USING MESSAGE = message, HINT = hint, ERRCODE = 'invalid_parameter_value';
END
$$;

COMMENT ON FUNCTION lm_internal.fail IS
'Raises an error from within a query. like_type gives the type that the query expects in this place.';

CREATE OR REPLACE FUNCTION lm_internal.row_limit(
    k int
)
RETURNS int
LANGUAGE sql
STABLE
RETURN CASE
    WHEN row_limit.k >= 0 OR row_limit.k IS NULL THEN row_limit.k
    ELSE lm_internal.fail(
        NULL::int,
        format('k is %s: it counts rows, from 0 up', row_limit.k),
        'leave k NULL for all rows'
    )
END;

COMMENT ON FUNCTION lm_internal.row_limit IS
'How many rows are wanted: k, or NULL for all of them. Errors: k is negative.';

CREATE OR REPLACE FUNCTION lm.default_model()
RETURNS text
LANGUAGE sql
STABLE
RETURN (
    SELECT
        CASE
            WHEN count(*) = 1 THEN min(m.name)
            WHEN count(*) FILTER (WHERE m.is_default) = 1
                THEN min(m.name) FILTER (WHERE m.is_default)
            WHEN count(*) = 0
                THEN lm_internal.fail(NULL::text, 'no model is loaded', 'psqlm load demo')
            ELSE lm_internal.fail(
                NULL::text,
                'several models are loaded and none is the default: '
                || string_agg(m.name, ', ' ORDER BY m.name),
                'name one, or choose: SELECT lm.set_default_model(''' || min(m.name) || ''')'
            )
        END
    FROM lm.model AS m
);

COMMENT ON FUNCTION lm.default_model IS
'Name of the model to use when no name is given: the only one loaded, or the one marked default, which is the one loaded first until lm.set_default_model chooses another. Errors: no model is loaded; several are and none is marked.';

CREATE OR REPLACE FUNCTION lm.model_id(
    model text DEFAULT NULL
)
RETURNS int
LANGUAGE sql
STABLE
RETURN COALESCE(
    -- the default in a subquery: if a name is given it is not computed and raises no error
    (
        SELECT m.model_id
        FROM lm.model AS m
        WHERE m.name = COALESCE(model_id.model, (SELECT lm.default_model()))
    ),
    lm_internal.fail(
        NULL::int,
        'no model named "' || model_id.model || '" is loaded',
        'SELECT name FROM lm.model lists the loaded ones; psqlm load adds others'
    )
);

COMMENT ON FUNCTION lm.model_id IS
'Key of a model by its name, or of the default model. Errors: there is no such model, or no default.';

CREATE OR REPLACE FUNCTION lm.set_default_model(
    name text
)
RETURNS void
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT lm_internal.require_right('owner', 'choose the default model');
    SELECT lm.model_id(set_default_model.name);
    UPDATE lm.model AS m SET is_default = false
    WHERE m.is_default AND m.name <> set_default_model.name;
    UPDATE lm.model AS m SET is_default = true
    WHERE m.name = set_default_model.name;
END;

COMMENT ON FUNCTION lm.set_default_model IS
'Marks the model to use when no name is given. Errors: there is no such model.';

CREATE OR REPLACE FUNCTION lm_internal.mark_default_model()
RETURNS void
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    -- of two loads at once the second waits, and then sees what the first has marked
    SELECT pg_advisory_xact_lock(hashtextextended('lm.model.is_default', 0));
    UPDATE lm.model AS m SET is_default = true
    WHERE m.model_id = (SELECT min(first.model_id) FROM lm.model AS first)
        AND NOT EXISTS (SELECT FROM lm.model AS other WHERE other.is_default);
END;

COMMENT ON FUNCTION lm_internal.mark_default_model IS
'Marks the model that was loaded first as the default, unless one is marked. Each load calls it.';
