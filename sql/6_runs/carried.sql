-- What leaves a database with a run, and how a run that comes from elsewhere is known.

CREATE OR REPLACE VIEW lm_internal.carried_vector WITH (security_invoker = true) AS
SELECT
    c.run_id,
    c.site,
    c.layer,
    c.head,
    c.position,
    t.token_id,
    vector_norm(c.value) AS norm,
    c.value
FROM lm.captured AS c
INNER JOIN lm.run_token AS t ON c.run_id = t.run_id AND c.position = t.position;

COMMENT ON VIEW lm_internal.carried_vector IS
'Every captured vector with its token and its L2 norm: a row of the tables activation and pattern that psqlm export writes.';
COMMENT ON COLUMN lm_internal.carried_vector.run_id IS 'The run.';
COMMENT ON COLUMN lm_internal.carried_vector.site IS 'Where in the transformer.';
COMMENT ON COLUMN lm_internal.carried_vector.layer IS 'The layer, from 0; 0 for the embeddings and n_layer for ln_final.';
COMMENT ON COLUMN lm_internal.carried_vector.head IS 'The head, from 0; −1 where the site has none.';
COMMENT ON COLUMN lm_internal.carried_vector.position IS 'Position in the sequence, from 0.';
COMMENT ON COLUMN lm_internal.carried_vector.token_id IS 'The token at that position.';
COMMENT ON COLUMN lm_internal.carried_vector.norm IS 'L2 norm of the vector.';
COMMENT ON COLUMN lm_internal.carried_vector.value IS 'The vector.';

CREATE OR REPLACE FUNCTION lm_internal.carried_interventions(
    set_name text,
    model_id int,
    digest text
)
RETURNS jsonb
LANGUAGE sql
STABLE
BEGIN ATOMIC
    SELECT
        jsonb_agg(
            jsonb_build_object(
                'site', i.site,
                'layer', i.layer,
                'head', i.head,
                'position', i.position,
                'key_position', i.key_position,
                'kind', i.kind,
                'factor', i.factor,
                'value', i.value::text,
                'unit', i.unit
            )
            ORDER BY i.intervention_id
        )
    FROM lm.intervention AS i
    WHERE i.set_name = carried_interventions.set_name
        AND lm_internal.intervention_digest(
            carried_interventions.set_name, carried_interventions.model_id
        ) = carried_interventions.digest
    -- numbers of runs mean others elsewhere
    HAVING bool_and(i.from_run IS NULL AND i.kind <> 'mean');
END;

COMMENT ON FUNCTION lm_internal.carried_interventions IS
'The rows of a set of interventions, to be made elsewhere. NULL where the set is not what it was when it had this digest, or takes anything from runs of this database.';
