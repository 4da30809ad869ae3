-- Activation patching over every place of a site: where does the answer come from?

CREATE OR REPLACE FUNCTION lm_internal.patch_places(
    sweep_id bigint
)
RETURNS int
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    WITH
    sweep AS MATERIALIZED (
        SELECT
            s.*,
            m.model_id,
            m.n_layer,
            w.n_head,
            w.width AS d_head,
            w.n_head IS NOT NULL AS by_head,
            cardinality(r.token_ids) AS n_token
        FROM lm.patching_sweep AS s
        INNER JOIN lm.run AS r ON r.run_id = s.corrupt_run
        INNER JOIN lm.model AS m ON m.model_id = r.model_id
        INNER JOIN lm.model_site AS w ON w.model_id = m.model_id AND w.site = s.site
        WHERE s.sweep_id = patch_places.sweep_id
    ),

    -- layer × head, or layer × position: in each layer a sequence for every place
    place AS MATERIALIZED (
        SELECT
            l.layer,
            p.place AS sequence,
            -- positions to run, and a share of those they look back at: both take memory
            (
                sum(s.n_token - CASE WHEN s.by_head THEN 0 ELSE p.place END + s.n_token / 16)
                    OVER (PARTITION BY l.layer ORDER BY p.place)
                - 1
            ) / lm_internal.tokens_in_a_pass() AS pass,
            CASE WHEN s.by_head THEN p.place ELSE -1 END AS head,
            CASE WHEN s.by_head THEN -1 ELSE p.place END AS position
        FROM sweep AS s
        CROSS JOIN generate_series(0, s.n_layer - 1) AS l (layer)
        CROSS JOIN generate_series(0, CASE WHEN s.by_head THEN s.n_head ELSE s.n_token END - 1)
            AS p (place)
    ),

    pass AS MATERIALIZED (
        SELECT
            p.layer,
            p.pass,
            array_agg(p.sequence ORDER BY p.sequence) AS sequences
        FROM place AS p
        GROUP BY p.layer, p.pass
        ORDER BY p.layer, p.pass
    ),

    effect AS (
        INSERT INTO lm.patching_effect (sweep_id, layer, head, position, logit_difference)
        SELECT
            s.sweep_id,
            p.layer,
            p.head,
            p.position,
            lm_internal.logit_difference(t.value, s.model_id, s.answer, s.wrong)
        FROM sweep AS s
        CROSS JOIN pass
        -- A patch changes nothing below its layer or before its position. So each sequence begins
        -- there, with the residual stream of the corrupt run.
        CROSS JOIN LATERAL (
            SELECT
                array_agg(p.sequence ORDER BY p.sequence, t.position) AS sequence,
                array_agg(t.position ORDER BY p.sequence, t.position) AS position,
                array_agg(t.token_id ORDER BY p.sequence, t.position) AS token_id,
                array_agg(x.value ORDER BY p.sequence, t.position) AS resid
            FROM place AS p
            INNER JOIN lm.run_token AS t ON t.run_id = s.corrupt_run AND t.position >= p.position
            INNER JOIN lm.activation AS x
                ON x.run_id = s.corrupt_run
                AND x.site = 'resid_pre'
                AND x.layer = p.layer
                AND x.position = t.position
            WHERE p.layer = pass.layer AND p.sequence = ANY (pass.sequences)
        ) AS b
        -- replace: 0 · x + what the clean run has there
        CROSS JOIN LATERAL (
            SELECT
                array_agg(
                    (
                        p.sequence, s.site, p.layer, NULL, c.position, NULL,
                        CASE WHEN s.by_head THEN c.head * s.d_head + 1 END,
                        CASE WHEN s.by_head THEN s.d_head END,
                        0, c.value
                    )::lm_internal.change
                ) AS changes
            FROM place AS p
            INNER JOIN lm.captured AS c
                ON c.run_id = s.clean_run
                AND c.site = s.site
                AND c.layer = p.layer
                AND c.head = p.head
                AND c.position = COALESCE(NULLIF(p.position, -1), c.position)
            WHERE p.layer = pass.layer AND p.sequence = ANY (pass.sequences)
        ) AS patch
        CROSS JOIN LATERAL lm_internal.transformer_many(
            s.model_id, b.sequence, b.position, b.token_id, '{}',
            changes => patch.changes,
            first_layer => pass.layer,
            resid => b.resid,
            context_run => s.corrupt_run
        ) AS t
        INNER JOIN place AS p ON p.layer = pass.layer AND p.sequence = t.sequence
        WHERE t.site = 'resid_post' AND t.position = s.n_token - 1
        RETURNING 1
    )

    SELECT count(*)::int
    FROM effect;
END;

COMMENT ON FUNCTION lm_internal.patch_places IS
'Makes the patches of a sweep, in passes of lm_internal.tokens_in_a_pass within a layer, and writes their effects. Returns their number.';

CREATE OR REPLACE FUNCTION lm.patching_sweep(
    clean text,
    corrupt text,
    site lm.site,
    answer text,
    wrong text,
    model text DEFAULT NULL
)
RETURNS TABLE (
    sweep_id bigint,
    layer int,
    head int,
    "position" int,
    token text,
    logit_difference float8,
    recovered float8
)
LANGUAGE sql
VOLATILE
BEGIN ATOMIC
    SELECT
        lm_internal.patch_places(
            lm_internal.start_sweep(
                patching_sweep.clean,
                patching_sweep.corrupt,
                patching_sweep.site,
                patching_sweep.answer,
                patching_sweep.wrong,
                lm.model_id(patching_sweep.model)
            )
        );

    SELECT
        e.sweep_id,
        e.layer,
        e.head,
        e.position,
        t.token,
        e.logit_difference,
        (e.logit_difference - s.corrupt_difference)
        / NULLIF(s.clean_difference - s.corrupt_difference, 0)
    FROM lm.patching_sweep AS s
    INNER JOIN lm.patching_effect AS e ON e.sweep_id = s.sweep_id
    LEFT JOIN lm.token AS t ON t.run_id = s.corrupt_run AND t.position = e.position
    WHERE s.sweep_id = currval('lm.patching_sweep_sweep_id_seq')
    ORDER BY e.layer, e.head, e.position;
END;

COMMENT ON FUNCTION lm.patching_sweep IS
'Activation patching (Meng et al. 2022; Wang et al. 2023): puts what a clean prompt has at a site into a corrupt prompt, one place at a time. A place is a layer and a position, or a layer and a head at sites with heads. logit_difference is logit of answer minus logit of wrong; recovered is 0 if that did not change, and 1 if it became that of the clean prompt. Errors: those of lm_internal.prompt_tokens and lm_internal.start_sweep.';
