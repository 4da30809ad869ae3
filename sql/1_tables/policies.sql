-- Whose rows are whose: row-level security. Privileges, which roles have by GRANT, say who may
-- read, add and remove at all; policies say which rows. They hold neither the tables' owner nor a
-- superuser, who pay nothing for them. lm.keep_runs_private changes the policies called "reading".

ALTER TABLE lm.run ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.run_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.stored_adjustment ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.stored_activation ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.logit ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.tag ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.patching_sweep ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.patching_effect ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.generation ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.attention_cache ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.intervention_set ENABLE ROW LEVEL SECURITY;
ALTER TABLE lm.intervention ENABLE ROW LEVEL SECURITY;

-- all are seen: the planner drops a condition that is true
CREATE POLICY reading ON lm.run FOR SELECT USING (true);
CREATE POLICY reading ON lm.run_token FOR SELECT USING (true);
CREATE POLICY reading ON lm.stored_adjustment FOR SELECT USING (true);
CREATE POLICY reading ON lm.stored_activation FOR SELECT USING (true);
CREATE POLICY reading ON lm.logit FOR SELECT USING (true);
CREATE POLICY reading ON lm.tag FOR SELECT USING (true);
CREATE POLICY reading ON lm.patching_sweep FOR SELECT USING (true);
CREATE POLICY reading ON lm.patching_effect FOR SELECT USING (true);
CREATE POLICY reading ON lm.generation FOR SELECT USING (true);
CREATE POLICY reading ON lm.attention_cache FOR SELECT USING (true);
CREATE POLICY reading ON lm.intervention_set FOR SELECT USING (true);
CREATE POLICY reading ON lm.intervention FOR SELECT USING (true);

-- nobody takes the numbers of runs to come
CREATE POLICY adding ON lm.run FOR INSERT
WITH CHECK (
    owner = current_user AND run_id <= (SELECT s.last_value FROM lm.run_run_id_seq AS s)
);

CREATE POLICY changing ON lm.run FOR UPDATE USING (owner = current_user);
CREATE POLICY removing ON lm.run FOR DELETE USING (owner = current_user);

CREATE POLICY adding ON lm.run_token FOR INSERT
WITH CHECK (
    EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = run_token.run_id AND r.owner = current_user)
);

CREATE POLICY adding ON lm.stored_adjustment FOR INSERT
WITH CHECK (
    EXISTS (
        SELECT FROM lm.run AS r
        WHERE r.run_id = stored_adjustment.run_id AND r.owner = current_user
    )
);

CREATE POLICY adding ON lm.stored_activation FOR INSERT
WITH CHECK (
    EXISTS (
        SELECT FROM lm.run AS r
        WHERE r.run_id = stored_activation.run_id AND r.owner = current_user
    )
);

CREATE POLICY adding ON lm.logit FOR INSERT
WITH CHECK (
    EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = logit.run_id AND r.owner = current_user)
);

-- runs that are seen may be tagged, whosever they are
CREATE POLICY adding ON lm.tag FOR INSERT
WITH CHECK (
    owner = current_user AND EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = tag.run_id)
);

CREATE POLICY changing ON lm.tag FOR UPDATE
USING (owner = current_user)
WITH CHECK (
    owner = current_user AND EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = tag.run_id)
);

CREATE POLICY removing ON lm.tag FOR DELETE
USING (
    owner = current_user
    OR EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = tag.run_id AND r.owner = current_user)
);

CREATE POLICY adding ON lm.patching_sweep FOR INSERT WITH CHECK (owner = current_user);
CREATE POLICY changing ON lm.patching_sweep FOR UPDATE USING (owner = current_user);
CREATE POLICY removing ON lm.patching_sweep FOR DELETE USING (owner = current_user);

CREATE POLICY adding ON lm.patching_effect FOR INSERT
WITH CHECK (
    EXISTS (
        SELECT FROM lm.patching_sweep AS s
        WHERE s.sweep_id = patching_effect.sweep_id AND s.owner = current_user
    )
);

CREATE POLICY adding ON lm.generation FOR INSERT WITH CHECK (owner = current_user);
CREATE POLICY removing ON lm.generation FOR DELETE USING (owner = current_user);

CREATE POLICY adding ON lm.attention_cache FOR INSERT
WITH CHECK (
    EXISTS (
        SELECT FROM lm.generation AS g
        WHERE g.generation_id = attention_cache.generation_id AND g.owner = current_user
    )
);

CREATE POLICY adding ON lm.intervention_set FOR INSERT WITH CHECK (owner = current_user);
CREATE POLICY removing ON lm.intervention_set FOR DELETE USING (owner = current_user);

-- the trigger join_set sees to it that the set is one's own: a set that is new is not seen here. A
-- run that an intervention needs cannot be dropped, so it has to be one that is seen.
CREATE POLICY adding ON lm.intervention FOR INSERT
WITH CHECK (
    from_run IS NULL OR EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = intervention.from_run)
);

CREATE POLICY changing ON lm.intervention FOR UPDATE
USING (
    EXISTS (
        SELECT FROM lm.intervention_set AS s
        WHERE s.set_name = intervention.set_name AND s.owner = current_user
    )
)
WITH CHECK (
    from_run IS NULL OR EXISTS (SELECT FROM lm.run AS r WHERE r.run_id = intervention.from_run)
);

CREATE POLICY removing ON lm.intervention FOR DELETE
USING (
    EXISTS (
        SELECT FROM lm.intervention_set AS s
        WHERE s.set_name = intervention.set_name AND s.owner = current_user
    )
);
