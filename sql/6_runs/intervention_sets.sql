-- Sets of interventions: how they are made, and how a run remembers what was done to it.

CREATE OR REPLACE FUNCTION lm.make_intervention(
    site lm.site,
    kind text,
    layer int DEFAULT NULL,
    head int DEFAULT NULL,
    "position" int DEFAULT NULL,
    key_position int DEFAULT NULL,
    unit int DEFAULT NULL,
    factor float8 DEFAULT NULL,
    value vector DEFAULT NULL,
    from_run bigint DEFAULT NULL
)
RETURNS lm.intervention
LANGUAGE sql
IMMUTABLE
RETURN (
    NULL,
    NULL,
    make_intervention.site,
    make_intervention.layer,
    make_intervention.head,
    make_intervention.position,
    make_intervention.key_position,
    make_intervention.kind,
    make_intervention.factor,
    make_intervention.value,
    make_intervention.from_run,
    make_intervention.unit
)::lm.intervention;

COMMENT ON FUNCTION lm.make_intervention IS
'A row for lm.replace_interventions; the arguments are columns of lm.intervention.';

CREATE OR REPLACE FUNCTION lm.replace_interventions(
    set_name text,
    VARIADIC interventions lm.intervention[] DEFAULT '{}'
)
RETURNS bigint
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT lm_internal.require_right('runner', 'make interventions');

    -- two at a time would leave the rows of both
    SELECT
        pg_advisory_xact_lock(
            hashtextextended('lm.intervention ' || replace_interventions.set_name, 0)
        );

    SELECT
        lm_internal.fail(
            true,
            format('the set of interventions "%s" belongs to %s', s.set_name, s.owner),
            'give yours another name'
        )
    FROM lm.intervention_set AS s
    WHERE s.set_name = replace_interventions.set_name
        AND s.owner <> current_user
        AND row_security_active('lm.intervention_set'::regclass);

    DELETE FROM lm.intervention AS i
    WHERE i.set_name = replace_interventions.set_name;

    DELETE FROM lm.intervention_set AS s
    WHERE s.set_name = replace_interventions.set_name
        AND cardinality(replace_interventions.interventions) = 0;

    WITH
    made AS (
        INSERT INTO lm.intervention (
            set_name, site, layer, head, position, key_position, unit, kind, factor, value, from_run
        )
        SELECT
            replace_interventions.set_name,
            i.site,
            i.layer,
            i.head,
            i.position,
            i.key_position,
            i.unit,
            i.kind,
            i.factor,
            i.value,
            i.from_run
        FROM unnest(replace_interventions.interventions) WITH ORDINALITY AS i (
            set_name, intervention_id, site, layer, head, position, key_position, kind, factor,
            value, from_run, unit, ordinal
        )
        ORDER BY i.ordinal
        RETURNING 1
    )

    SELECT count(*)
    FROM made;
END;

COMMENT ON FUNCTION lm.replace_interventions IS
'Makes a set of interventions anew from rows of lm.make_intervention, in their order, whatever it held before; without any, removes it. Returns how many it holds. Errors: the set belongs to another role.';

CREATE OR REPLACE FUNCTION lm_internal.intervention_digest(
    set_name text,
    model_id int
)
RETURNS text
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        encode(
            sha256(
                convert_to(
                    string_agg(
                        jsonb_build_array(
                            i.site, i.layer, i.head, i.position, i.key_position, i.unit, i.kind,
                            -- in a form that no setting changes
                            encode(float8send(i.factor), 'hex'), i.value::text, i.from_run,
                            -- the runs of which a mean over all runs is taken
                            CASE
                                WHEN i.kind = 'mean' AND i.from_run IS NULL
                                    THEN ARRAY(
                                        SELECT r.run_id
                                        FROM lm.run AS r
                                        WHERE r.model_id = intervention_digest.model_id
                                            AND r.interventions IS NULL
                                            AND i.site = ANY (r.capture)
                                        ORDER BY r.run_id
                                    )
                            END
                        )::text,
                        E'\n' ORDER BY i.intervention_id
                    ),
                    'UTF8'
                )
            ),
            'hex'
        )
    FROM lm.intervention AS i
    WHERE i.set_name = intervention_digest.set_name;
END;

COMMENT ON FUNCTION lm_internal.intervention_digest IS
'Hash of what a set does to a model, hexadecimal: of its rows in their order, and of which runs a mean is taken. NULL where there is no such set.';
