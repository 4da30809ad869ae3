-- psqlm's schema of version 2, with a model of two layers, runs, interventions, a sweep and tags:
-- pg_dump of a database of that time. Of functions only the names, arguments and results are left,
-- but for those of triggers.

SET check_function_bodies = false;
SET client_min_messages = warning;

CREATE SCHEMA lm;

CREATE SCHEMA lm_internal;

CREATE EXTENSION vector SCHEMA public;

CREATE TYPE lm.cut AS ENUM (
    'gpt2',
    'llama3',
    'qwen2',
    'digits',
    'space',
    'spaces',
    'words',
    'whole'
);

CREATE TYPE lm.moments AS (
	group_name text,
	n bigint,
	mean double precision[],
	scatter double precision[]
);

CREATE TYPE lm.normalizer AS ENUM (
    'none',
    'nfc',
    'marks'
);

CREATE TYPE lm.observation AS (
	group_name text,
	y double precision,
	x double precision[]
);

CREATE TYPE lm.site AS ENUM (
    'embed',
    'pos_embed',
    'resid_pre',
    'ln1',
    'q',
    'k',
    'v',
    'rot_q',
    'rot_k',
    'attn_scores',
    'pattern',
    'z',
    'ln1_post',
    'attn_out',
    'resid_mid',
    'ln2',
    'mlp_pre',
    'mlp_pre_linear',
    'mlp_post',
    'ln2_post',
    'mlp_out',
    'resid_post',
    'ln_final',
    'logits'
);

CREATE TYPE lm.space_before AS ENUM (
    'nothing',
    'segment',
    'piece',
    'start'
);

CREATE TYPE lm.token_kind AS ENUM (
    'ordinary',
    'byte',
    'unmerged'
);

CREATE TYPE lm_internal.change AS (
	sequence integer,
	site lm.site,
	layer integer,
	head integer,
	"position" integer,
	key_position integer,
	first integer,
	width integer,
	factor double precision,
	value public.vector
);

CREATE TYPE lm_internal.draw AS (
	sequence integer,
	"position" integer,
	token_id integer,
	logit double precision,
	probability double precision
);

CREATE TYPE lm_internal.here AS (
	model_id integer,
	layer integer,
	sequences integer[],
	positions integer[],
	keep lm.site[],
	n_head integer,
	n_kv_head integer,
	d_head integer,
	d_block integer,
	norm_is_centred boolean,
	layer_norm_eps double precision,
	parallel_attn_mlp boolean,
	gated_mlp boolean,
	activation text,
	attn_scaling double precision,
	attn_logit_softcapping double precision,
	sliding_window integer,
	generation_id bigint,
	context_run bigint,
	parents integer[],
	changes lm_internal.change[]
);

CREATE TYPE lm_internal.matrix AS (
	site lm.site,
	x public.vector[]
);

CREATE FUNCTION lm.attention_share(run_ids bigint[], key_pattern text DEFAULT ''::text, query_pattern text DEFAULT ''::text) RETURNS TABLE(layer integer, head integer, share double precision, even_share double precision, n_query bigint)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.benjamini_hochberg(p double precision[]) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.capture_bytes(lengths integer[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.decode(token_ids integer[], model text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.decode_bytes(token_ids integer[], model text DEFAULT NULL::text) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.default_model() RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.drop_leftovers() RETURNS integer
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.drop_model(name text) RETURNS void
    LANGUAGE sql
    SET lock_timeout TO '5s'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.drop_runs(run_ids bigint[]) RETURNS bigint
    LANGUAGE sql
    SET lock_timeout TO '5s'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.embedding(token text, model text DEFAULT NULL::text) RETURNS public.vector
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.encode(prompt text, model text DEFAULT NULL::text, add_special boolean DEFAULT true) RETURNS integer[]
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.fill(value double precision, width integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.final_logits(run_id bigint, positions integer[]) RETURNS TABLE("position" integer, logits real[])
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.find_runs(prompts text[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[]) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.forward(prompt text DEFAULT NULL::text, model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], token_ids integer[] DEFAULT NULL::integer[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10) RETURNS bigint
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.forward_many(prompts text[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.forward_once(prompts text[], model text DEFAULT NULL::text, capture text[] DEFAULT '{attn_out}'::text[], interventions text DEFAULT NULL::text, capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[]) RETURNS TABLE(ordinal integer, run_id bigint, is_new boolean)
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.generate(prompt text, n_tokens integer DEFAULT 20, temperature double precision DEFAULT 0, top_k integer DEFAULT NULL::integer, top_p double precision DEFAULT NULL::double precision, seed bigint DEFAULT NULL::bigint, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.generate_many(prompts text[], n_tokens integer DEFAULT 20, temperature double precision DEFAULT 0, top_k integer DEFAULT NULL::integer, top_p double precision DEFAULT NULL::double precision, seed bigint DEFAULT NULL::bigint, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text) RETURNS TABLE(ordinal integer, text text)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.generate_tokens(prompt text, n_tokens integer DEFAULT 20, temperature double precision DEFAULT 0, top_k integer DEFAULT NULL::integer, top_p double precision DEFAULT NULL::double precision, seed bigint DEFAULT NULL::bigint, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text, keep_cache boolean DEFAULT false) RETURNS TABLE(step integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.grant_to_roles() RETURNS text
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET client_min_messages TO 'warning'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.head_results(run_id bigint, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(layer integer, head integer, result public.vector)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.head_scores(run_id bigint, exclude_bos boolean DEFAULT false, exclude_current_token boolean DEFAULT false) RETURNS TABLE(layer integer, head integer, previous_token double precision, duplicate_token double precision, induction double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.help(about text DEFAULT ''::text) RETURNS TABLE(topic text, question text, example text)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.index_activations(site lm.site, layer integer DEFAULT 0, head integer DEFAULT '-1'::integer, model text DEFAULT NULL::text) RETURNS text
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.keep_runs_private(private boolean DEFAULT true) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lag_diagnostics(run_ids bigint[]) RETURNS TABLE(layer integer, n bigint, n_left_out bigint, durbin_watson double precision, q_lag1 double precision, q_lag2 double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lag_ols(run_ids bigint[]) RETURNS TABLE(layer integer, n bigint, intercept double precision, beta_lag1 double precision, beta_lag2 double precision, se_intercept double precision, se_lag1 double precision, se_lag2 double precision, t_intercept double precision, t_lag1 double precision, t_lag2 double precision, p_intercept double precision, p_lag1 double precision, p_lag2 double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lag_rows(run_ids bigint[], lags integer DEFAULT 2) RETURNS TABLE(run_id bigint, layer integer, "position" integer, token_id integer, log_frequency double precision, log_norm double precision, lag double precision[])
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.latest_run(site lm.site DEFAULT NULL::lm.site) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lens_grid(run_id bigint, k integer DEFAULT 5, site lm.site DEFAULT 'resid_post'::lm.site, positions integer[] DEFAULT NULL::integer[]) RETURNS TABLE(layer integer, "position" integer, tokens text[], probabilities double precision[], final_rank integer, entropy double precision, kl_to_final double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lens_logits(run_id bigint, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, logits real[])
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lens_trajectory(run_id bigint, token_id integer DEFAULT NULL::integer, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, token text, rank integer, logit double precision, probability double precision, entropy double precision, kl_to_final double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.lens_trajectory(run_id bigint, token text, "position" integer DEFAULT '-1'::integer, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, token text, rank integer, logit double precision, probability double precision, entropy double precision, kl_to_final double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.logit_attribution(run_id bigint, token_id integer DEFAULT NULL::integer, wrong_token_id integer DEFAULT NULL::integer, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(site lm.site, layer integer, head integer, attribution double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.logit_attribution(run_id bigint, token text, wrong_token text DEFAULT NULL::text, "position" integer DEFAULT '-1'::integer) RETURNS TABLE(site lm.site, layer integer, head integer, attribution double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.logit_lens(run_id bigint, "position" integer DEFAULT '-1'::integer, k integer DEFAULT 5, site lm.site DEFAULT 'resid_post'::lm.site) RETURNS TABLE(layer integer, rank integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE TABLE lm.intervention (
    set_name text NOT NULL,
    intervention_id bigint NOT NULL,
    site lm.site NOT NULL,
    layer integer,
    head integer,
    "position" integer,
    key_position integer,
    kind text NOT NULL,
    factor double precision,
    value public.vector,
    from_run bigint,
    unit integer,
    CONSTRAINT add_has_a_value CHECK (((kind <> 'add'::text) OR (value IS NOT NULL))),
    CONSTRAINT intervention_kind_check CHECK ((kind = ANY (ARRAY['zero'::text, 'mean'::text, 'scale'::text, 'add'::text, 'replace'::text, 'knockout'::text]))),
    CONSTRAINT intervention_site_check CHECK ((site <> ALL (ARRAY['ln_final'::lm.site, 'logits'::lm.site]))),
    CONSTRAINT knockout_cuts_edges CHECK ((((kind = 'knockout'::text) = (site = 'attn_scores'::lm.site)) AND ((kind = 'knockout'::text) OR (key_position IS NULL)))),
    CONSTRAINT mean_is_of_one_width CHECK (((kind <> 'mean'::text) OR (site <> 'pattern'::lm.site))),
    CONSTRAINT replace_has_a_source CHECK (((kind <> 'replace'::text) OR (num_nonnulls(value, from_run) = 1))),
    CONSTRAINT scale_has_a_factor CHECK (((kind <> 'scale'::text) OR (factor IS NOT NULL))),
    CONSTRAINT site_has_heads CHECK (((head IS NULL) OR (site = ANY (ARRAY['q'::lm.site, 'k'::lm.site, 'v'::lm.site, 'rot_q'::lm.site, 'rot_k'::lm.site, 'attn_scores'::lm.site, 'pattern'::lm.site, 'z'::lm.site])))),
    CONSTRAINT unit_is_of_one_vector CHECK (((unit IS NULL) OR
CASE
    WHEN (site = ANY (ARRAY['attn_scores'::lm.site, 'pattern'::lm.site])) THEN false
    WHEN (site = ANY (ARRAY['q'::lm.site, 'k'::lm.site, 'v'::lm.site, 'rot_q'::lm.site, 'rot_k'::lm.site, 'z'::lm.site])) THEN (head IS NOT NULL)
    ELSE true
END))
);

CREATE FUNCTION lm.make_intervention(site lm.site, kind text, layer integer DEFAULT NULL::integer, head integer DEFAULT NULL::integer, "position" integer DEFAULT NULL::integer, key_position integer DEFAULT NULL::integer, unit integer DEFAULT NULL::integer, factor double precision DEFAULT NULL::double precision, value public.vector DEFAULT NULL::public.vector, from_run bigint DEFAULT NULL::bigint) RETURNS lm.intervention
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.merge_steps(word text, model text DEFAULT NULL::text) RETURNS TABLE(step integer, pieces text[], merged text, rank integer)
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.model_id(model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.named_runs(which text, model text DEFAULT NULL::text) RETURNS SETOF bigint
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.nearest_activations(x public.vector, site lm.site, layer integer DEFAULT 0, head integer DEFAULT '-1'::integer, k integer DEFAULT 10, model text DEFAULT NULL::text) RETURNS TABLE(rank integer, run_id bigint, "position" integer, token text, context text, cosine double precision)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.nearest_tokens(x public.vector, k integer DEFAULT 10, model text DEFAULT NULL::text) RETURNS TABLE(rank integer, token_id integer, token text, cosine double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.next_token(prompt text, k integer DEFAULT 10, model text DEFAULT NULL::text, interventions text DEFAULT NULL::text) RETURNS TABLE(rank integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.ols(moments lm.moments[]) RETURNS TABLE(group_name text, n bigint, term integer, coefficient double precision, standard_error double precision, t double precision, p double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE STRICT
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.ols(observations lm.observation[]) RETURNS TABLE(group_name text, n bigint, term integer, coefficient double precision, standard_error double precision, t double precision, p double precision, r_squared double precision, adj_r_squared double precision)
    LANGUAGE sql STABLE STRICT
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.ols_moments(observations lm.observation[]) RETURNS SETOF lm.moments
    LANGUAGE sql STABLE STRICT
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.patching_sweep(clean text, corrupt text, site lm.site, answer text, wrong text, model text DEFAULT NULL::text) RETURNS TABLE(sweep_id bigint, layer integer, head integer, "position" integer, token text, logit_difference double precision, recovered double precision)
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.perplexity(run_ids bigint[]) RETURNS TABLE(run_id bigint, perplexity double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.perplexity(run_id bigint) RETURNS double precision
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.pool_moments(moments lm.moments[]) RETURNS SETOF lm.moments
    LANGUAGE sql STABLE STRICT
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.predictions(run_id bigint, k integer DEFAULT 5) RETURNS TABLE("position" integer, rank integer, token_id integer, token text, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.replace_interventions(set_name text, VARIADIC interventions lm.intervention[] DEFAULT '{}'::lm.intervention[]) RETURNS bigint
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.run_position(run_id bigint, "position" integer DEFAULT '-1'::integer) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.runs_are_private() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.score(prompts text[], continuations text[], model text DEFAULT NULL::text) RETURNS TABLE(prompt_ordinal integer, continuation_ordinal integer, n_tokens integer, log_probability double precision, mean_log_probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.select_runs(which text DEFAULT 'all'::text, model text DEFAULT NULL::text) RETURNS TABLE(run_id bigint, n_older bigint)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.set_default_model(name text) RETURNS void
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.student_t_p(t double precision, df double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.surprise(run_ids bigint[]) RETURNS TABLE(run_id bigint, "position" integer, token_id integer, token text, surprise double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.surprise(run_id bigint) RETURNS TABLE("position" integer, token_id integer, token text, surprise double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.token_id(token text, model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE COST 100000
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.tokenize(prompt text, model text DEFAULT NULL::text, add_special boolean DEFAULT true) RETURNS TABLE("position" integer, token_id integer, token text)
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.unit_effects(site lm.site, tag text, value text, model text DEFAULT NULL::text) RETURNS TABLE(layer integer, head integer, unit integer, mean double precision, other_mean double precision, effect double precision)
    LANGUAGE sql STABLE
    SET enable_nestloop TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm.vector_at(run_id bigint, site lm.site, layer integer DEFAULT 0, "position" integer DEFAULT '-1'::integer, head integer DEFAULT '-1'::integer) RETURNS public.vector
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.activate(x public.vector[], activation text) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.activated(x public.vector[], gate public.vector[], activation text) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.activation_source(site lm.site, layer integer, head integer) RETURNS TABLE(relation text, vector_column text, condition text)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.add(site lm.site, x public.vector[], y public.vector[], here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.add_row(state double precision[], "row" double precision[]) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.affine_step(state public.vector, x public.vector, change lm_internal.change) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.are_moments(n bigint, mean double precision[], scatter double precision[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.attention(q public.vector[], k public.vector[], v public.vector[], here lm_internal.here) RETURNS TABLE(attn_scores public.vector[], pattern public.vector[], z public.vector[])
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.capture_sites(capture text[], model_id integer) RETURNS lm.site[]
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.carried_interventions(set_name text, model_id integer, digest text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.centred(x public.vector, norm_is_centred boolean) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.change_row(x public.vector, changes lm_internal.change[], site lm.site, layer integer, head integer, sequence integer, "position" integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.change_rows(x public.vector[], changes lm_internal.change[], site lm.site, layer integer, sequences integer[], positions integer[]) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.changes(set_name text, model_id integer, sequence integer[], last_position integer DEFAULT NULL::integer) RETURNS lm_internal.change[]
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.check_capture(model_id integer, capture_layers integer[], capture_positions integer[], top_logits integer, n_token integer) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.check_interventions(set_name text, model_id integer, sequence integer[], last_position integer DEFAULT NULL::integer) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.check_token(token_id integer, run_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.check_which(which text) RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.columns(x public.vector[], first integer, n integer) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.context(q public.vector[], k public.vector[], v public.vector[], here lm_internal.here) RETURNS TABLE(sequence integer, first_key integer, keys public.vector[], "values" public.vector[], queries public.vector[], rows bigint[], positions integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.context_is_full(n_ctx integer) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.counted_position("position" integer, n_token integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.doubt_of_role(role name) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.drop_weights() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM lm.drop_leftovers();
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION lm_internal.drop_weights() IS 'Drops the weights of models that have been deleted.';

CREATE FUNCTION lm_internal.embed_tokens(token_ids integer[], here lm_internal.here) RETURNS TABLE(embed public.vector[], pos_embed public.vector[], resid public.vector[])
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.embedding_of(model_id integer, token_id integer) RETURNS TABLE(weight public.vector)
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.embedding_rows(model_id integer) RETURNS TABLE(token_id integer, weight public.vector)
    LANGUAGE sql STABLE ROWS 50000 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.end_generation(generation_id bigint) RETURNS boolean
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.exact_products(high public.vector[], middle public.vector[], low public.vector[]) RETURNS TABLE(is_half boolean, "row" bigint, total double precision[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.exp(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.fail(like_type anyelement, message text, hint text DEFAULT NULL::text) RETURNS anyelement
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.final_norm(x public.vector[], model_id integer) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.final_site(capture lm.site[]) RETURNS lm.site
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.first_half(sequence integer[], parent integer[] DEFAULT NULL::integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.forget_generation() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM lm.generation AS g
    WHERE g.generation_id = new.generation_id AND NOT g.keep;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION lm_internal.forget_generation() IS 'At commit, deletes a generation that is not to be kept and its cache with it; an error has undone both before.';

CREATE FUNCTION lm_internal.generated(prompts text[], n_tokens integer, temperature double precision, top_k integer, top_p double precision, seed bigint, model_id integer, interventions text, keep_cache boolean) RETURNS TABLE(sequence integer, step integer, token_id integer, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.halves(x public.vector) RETURNS TABLE(norm double precision, high public.halfvec, low public.halfvec)
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.has_change(changes lm_internal.change[], site lm.site, layer integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.has_norm(model_id integer, site text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.highest(logits real[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.hold_model(model_id integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.hook(site lm.site, x public.vector[], here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.identity(width integer) RETURNS public.vector[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.intervention_digest(set_name text, model_id integer) RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.intervention_vectors(set_name text, model_id integer) RETURNS TABLE(intervention_id bigint, layer integer, head integer, "position" integer, value public.vector)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.is_meant_for(change lm_internal.change, layer integer, head integer, sequence integer, "position" integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.is_whole(model_id integer) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.join_set() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    set_owner text;
BEGIN
    IF new.set_name IS NULL THEN
        RETURN new; -- the column refuses it
    END IF;

    -- a key, so that two who begin a set of one name at a time do not both have it
    INSERT INTO lm.intervention_set (set_name) VALUES (new.set_name)
    ON CONFLICT DO NOTHING;

    SELECT s.owner INTO set_owner
    FROM lm.intervention_set AS s
    WHERE s.set_name = new.set_name;

    -- those whom policies do not hold may change every set
    IF set_owner IS DISTINCT FROM current_user AND row_security_active('lm.intervention_set') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format(
                'the set of interventions "%s" belongs to %s',
                new.set_name, COALESCE(set_owner, 'another role')
            ),
            HINT = 'give yours another name';
    END IF;
    RETURN new;
END
$$;

COMMENT ON FUNCTION lm_internal.join_set() IS 'Makes the set of an intervention if there is none. Errors: the set belongs to another role.';

CREATE FUNCTION lm_internal.key_site(model_id integer) RETURNS lm.site
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.knock_out(scores public.vector, changes lm_internal.change[], layer integer, head integer, sequence integer, "position" integer, first_key integer) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.known_keys(here lm_internal.here) RETURNS TABLE(sequence integer, "position" integer, key public.vector, value public.vector)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.linear(site lm.site, x public.vector[], here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.linear(x public.vector[], model_id integer, layer integer, map lm.site, block integer DEFAULT 0) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.linear_by_32(x public.vector[], model_id integer, layer integer, map lm.site, block integer) RETURNS public.vector[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.linear_by_8(x public.vector[], model_id integer, layer integer, map lm.site, block integer) RETURNS public.vector[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.lock_model(name text) RETURNS integer
    LANGUAGE sql
    SET lock_timeout TO '400ms'
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.log_sum_exp(x double precision[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.logit_difference(resid public.vector, model_id integer, answer integer, wrong integer) RETURNS double precision
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.logits(resid public.vector, model_id integer) RETURNS double precision[]
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.mark_default_model() RETURNS void
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.marks_as_spaces(text text, foreign_character text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.merge_all(spelling text, model_id integer) RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.merge_once(spelling text, model_id integer) RETURNS TABLE(spelling text)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.merge_windows(symbols text, model_id integer, foreign_character text) RETURNS TABLE(number integer, spelling text)
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.mlp(x public.vector[], here lm_internal.here) RETURNS TABLE(mlp_pre public.vector[], mlp_pre_linear public.vector[], mlp_post public.vector[], ln2_post public.vector[], mlp_out public.vector[])
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.next_draw(logits double precision[], step integer, temperature double precision, top_k integer, top_p double precision, seed bigint) RETURNS TABLE(token_id integer, logit double precision, probability double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.next_step(generation_id bigint, model_id integer, sequence integer[], "position" integer[], token_id integer[], draws boolean[], step integer, temperature double precision, top_k integer, top_p double precision, seed bigint, changes lm_internal.change[] DEFAULT NULL::lm_internal.change[]) RETURNS SETOF lm_internal.draw
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.nfc(text text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.norm(site lm.site, x public.vector[], here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.norm_heads(norm text, x public.vector[], here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.norm_scale(x public.vector, eps double precision, norm_is_centred boolean) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal."normalize"(x public.vector[], gain public.vector, bias public.vector, eps double precision, centred boolean) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.numbered_runs(which text, model text) RETURNS SETOF bigint
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.output(site lm.site, norm lm.site, x public.vector[], here lm_internal.here) RETURNS TABLE(normed public.vector[], y public.vector[])
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.pad(x public.vector, zeros public.vector) RETURNS public.vector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.patch_places(sweep_id bigint) RETURNS integer
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.piece_pattern(cut lm.cut) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.positions_at_once() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.possible_merges(spelling text, model_id integer) RETURNS TABLE(rank integer, pair text, token text, everywhere boolean, at_once boolean)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.power_above(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.product(x public.vector[], y public.vector[]) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.product_by_16(x public.vector[], y public.vector[]) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.project(map lm.site, x public.vector[], model_id integer, layer integer, d_block integer) RETURNS SETOF public.vector[]
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.prompt_tokens(prompt text, token_ids integer[], model_id integer) RETURNS integer[]
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.read_ranges(numbers text) RETURNS int8multirange
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.readable(bytes bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.record_pass(model_id integer, run_ids bigint[], ordinals integer[], prompts text[], sequence integer[], token_ids integer[], capture lm.site[], capture_layers integer[], capture_positions integer[], top_logits integer, interventions text) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.record_runs(model_id integer, prompts text[], token_ids integer[], capture lm.site[], capture_layers integer[] DEFAULT NULL::integer[], capture_positions integer[] DEFAULT NULL::integer[], top_logits integer DEFAULT 10, interventions text DEFAULT NULL::text) RETURNS TABLE(ordinal integer, run_id bigint)
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.replace_first(spelling text, pair text, token text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.require_capture(run_id bigint, sites lm.site[], layers integer[] DEFAULT NULL::integer[], positions integer[] DEFAULT NULL::integer[]) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.require_right(needed text, doing text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.require_unused(run_ids bigint[]) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.rotate(site lm.site, x public.vector[], cosines public.vector[], sines public.vector[], d_rotary integer, here lm_internal.here) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.rotations(model_id integer, positions integer[]) RETURNS TABLE(rotary integer, d_rotary integer, cosines public.vector[], sines public.vector[])
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.row_limit(k integer) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.run_model(run_id bigint) RETURNS text
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.same_model(run_ids bigint[]) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.same_numbers(a integer[], b integer[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.score_pass(model_id integer, sequence integer[], "position" integer[], token_id integer[], parent integer[], predicts boolean[]) RETURNS TABLE(sequence integer, "position" integer, logits double precision[], log_total double precision)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.site_width(site lm.site, model text DEFAULT NULL::text) RETURNS integer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.slices(high public.vector[], middle public.vector[], low public.vector[]) RETURNS TABLE(s0 public.vector[], s1 public.vector[], s2 public.vector[], s3 public.vector[], s4 public.vector[], s5 public.vector[], s6 public.vector[])
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.softmax(scores public.vector[]) RETURNS SETOF public.vector[]
    LANGUAGE sql IMMUTABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.spell(symbols text, foreign_character text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.split_at_added(text text, model_id integer, normalized boolean) RETURNS TABLE(segment bigint, text text, token_id integer)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.start_generation(model_id integer, n_tokens integer, temperature double precision, top_k integer, top_p double precision, keep_cache boolean) RETURNS bigint
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.start_sweep(clean text, corrupt text, site lm.site, answer text, wrong text, model_id integer) RETURNS bigint
    LANGUAGE sql
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.subtract_pivot(state double precision[], "row" double precision[], pivot_row double precision[], place integer) RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.symbols(piece text, foreign_character text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE TABLE lm.tokenizer (
    model_id integer NOT NULL,
    normalizer lm.normalizer DEFAULT 'none'::lm.normalizer NOT NULL,
    space_before lm.space_before DEFAULT 'nothing'::lm.space_before NOT NULL,
    cut lm.cut DEFAULT 'gpt2'::lm.cut NOT NULL,
    foreign_character text,
    prepended integer[] DEFAULT '{}'::integer[] NOT NULL,
    stripped integer DEFAULT 0 NOT NULL,
    longest integer,
    CONSTRAINT tokenizer_longest_check CHECK ((longest > 0)),
    CONSTRAINT tokenizer_stripped_check CHECK ((stripped >= 0))
);

CREATE FUNCTION lm_internal.tokenizer(model text DEFAULT NULL::text) RETURNS SETOF lm.tokenizer
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.tokens_by_id(token_ids integer[], model_id integer) RETURNS TABLE("position" bigint, bytes bytea, kind lm.token_kind)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.tokens_in(spelling text) RETURNS TABLE(number bigint, hex text, bytes bytea, kind lm.token_kind)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.tokens_in_a_pass() RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.transformer(model_id integer, sequence integer[], "position" integer[], token_id integer[], keep lm.site[], generation_id bigint DEFAULT NULL::bigint, changes lm_internal.change[] DEFAULT NULL::lm_internal.change[], first_layer integer DEFAULT 0, resid public.vector[] DEFAULT NULL::public.vector[], context_run bigint DEFAULT NULL::bigint, parent integer[] DEFAULT NULL::integer[]) RETURNS TABLE(layer integer, site lm.site, x public.vector[])
    LANGUAGE sql STABLE COST 1e+06 PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.transformer_halves(n_first integer, model_id integer, sequence integer[], "position" integer[], token_id integer[], keep lm.site[], generation_id bigint DEFAULT NULL::bigint, changes lm_internal.change[] DEFAULT NULL::lm_internal.change[], first_layer integer DEFAULT 0, resid public.vector[] DEFAULT NULL::public.vector[], context_run bigint DEFAULT NULL::bigint, parent integer[] DEFAULT NULL::integer[]) RETURNS TABLE(n_before integer, layer integer, site lm.site, x public.vector[])
    LANGUAGE sql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    SET parallel_setup_cost TO '0'
    SET parallel_tuple_cost TO '0'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.transformer_many(model_id integer, sequence integer[], "position" integer[], token_id integer[], keep lm.site[], changes lm_internal.change[] DEFAULT NULL::lm_internal.change[], first_layer integer DEFAULT 0, resid public.vector[] DEFAULT NULL::public.vector[], context_run bigint DEFAULT NULL::bigint) RETURNS TABLE(layer integer, sequence integer, "position" integer, site lm.site, head integer, value public.vector)
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unembed(x public.vector[], model_id integer) RETURNS TABLE(ordinal integer, logits real[])
    LANGUAGE sql STABLE ROWS 100
    SET plan_cache_mode TO 'force_generic_plan'
    SET work_mem TO '256MB'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unembedding_blocks(model_id integer) RETURNS TABLE(token_id integer, block integer, bias real, weight public.vector, weight_half public.halfvec)
    LANGUAGE sql STABLE ROWS 50000 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unembedding_of(model_id integer, token_id integer) RETURNS TABLE(bias real, weight public.vector)
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unembedding_rows(model_id integer) RETURNS TABLE(token_id integer, bias real, weight public.vector)
    LANGUAGE sql STABLE ROWS 50000 PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_letters() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_newer_numbers() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_numbers() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_spaces() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_unknown_marks() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.unicode_word_parts() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.uniform(seed bigint, step integer, token_id integer) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.utf8_text(bytes bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.vector_row_bytes(width double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.vector_schema() RETURNS regnamespace
    LANGUAGE sql STABLE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.who_holds(name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.with_classes(pattern text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.word_character() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.word_pattern(number text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT NULL$$;

CREATE FUNCTION lm_internal.write_ranges(numbers int8multirange) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$SELECT NULL$$;

CREATE AGGREGATE lm.concat(public.vector) (
    SFUNC = public.vector_concat,
    STYPE = public.vector,
    PARALLEL = safe
);

CREATE AGGREGATE lm.total(public.vector) (
    SFUNC = public.vector_add,
    STYPE = public.vector,
    PARALLEL = safe
);

CREATE AGGREGATE lm_internal.affine(public.vector, lm_internal.change) (
    SFUNC = lm_internal.affine_step,
    STYPE = public.vector
);

CREATE AGGREGATE lm_internal.array_sum(double precision[]) (
    SFUNC = public.vector_combine,
    STYPE = double precision[],
    PARALLEL = safe
);

CREATE AGGREGATE lm_internal.echelon(double precision[]) (
    SFUNC = lm_internal.add_row,
    STYPE = double precision[]
);

CREATE AGGREGATE lm_internal.eliminated("row" double precision[], pivot_row double precision[], place integer) (
    SFUNC = lm_internal.subtract_pivot,
    STYPE = double precision[]
);

CREATE AGGREGATE lm_internal.exact_sum(public.vector) (
    SFUNC = public.vector_accum,
    STYPE = double precision[],
    INITCOND = '{0}',
    COMBINEFUNC = public.vector_combine,
    PARALLEL = safe
);

CREATE AGGREGATE lm_internal.replace_all(text, text) (
    SFUNC = replace,
    STYPE = text
);

CREATE TABLE lm.activation (
    run_id bigint NOT NULL,
    site lm.site NOT NULL,
    layer integer NOT NULL,
    head integer DEFAULT '-1'::integer NOT NULL,
    "position" integer NOT NULL,
    value public.vector NOT NULL,
    CONSTRAINT activation_site_check CHECK ((site <> ALL (ARRAY['attn_out'::lm.site, 'logits'::lm.site])))
);
ALTER TABLE ONLY lm.activation ALTER COLUMN value SET STORAGE MAIN;

CREATE VIEW lm.activation_array WITH (security_invoker='true') AS
 SELECT run_id,
    site,
    layer,
    head,
    "position",
    (value)::real[] AS value
   FROM lm.activation a;

CREATE TABLE lm.added_token (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    content text NOT NULL COLLATE pg_catalog."C",
    beginning text GENERATED ALWAYS AS ("left"(content, 3)) STORED NOT NULL COLLATE pg_catalog."C",
    normalized boolean DEFAULT false NOT NULL,
    single_word boolean DEFAULT false NOT NULL,
    lstrip boolean DEFAULT false NOT NULL,
    rstrip boolean DEFAULT false NOT NULL,
    CONSTRAINT added_token_content_check CHECK ((content <> ''::text))
);

CREATE TABLE lm.attention_adjustment (
    run_id bigint NOT NULL,
    layer integer NOT NULL,
    "position" integer NOT NULL,
    adjustment public.vector NOT NULL,
    norm double precision GENERATED ALWAYS AS (public.vector_norm(adjustment)) STORED NOT NULL
);
ALTER TABLE ONLY lm.attention_adjustment ALTER COLUMN adjustment SET STORAGE MAIN;

CREATE VIEW lm.adjustment_array WITH (security_invoker='true') AS
 SELECT run_id,
    layer,
    "position",
    norm,
    (adjustment)::real[] AS adjustment
   FROM lm.attention_adjustment a;

CREATE TABLE lm.run (
    run_id bigint NOT NULL,
    model_id integer NOT NULL,
    prompt text,
    token_ids integer[] NOT NULL,
    capture lm.site[] NOT NULL,
    capture_layers integer[],
    capture_positions integer[],
    top_logits integer,
    interventions text,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    duration interval,
    intervention_digest text,
    owner text DEFAULT CURRENT_USER NOT NULL
);

CREATE TABLE lm.run_token (
    run_id bigint NOT NULL,
    "position" integer NOT NULL,
    token_id integer NOT NULL
);

CREATE TABLE lm.vocabulary (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    bytes bytea NOT NULL,
    token text NOT NULL,
    special boolean DEFAULT false NOT NULL,
    kind lm.token_kind DEFAULT 'ordinary'::lm.token_kind NOT NULL,
    CONSTRAINT vocabulary_token_id_check CHECK ((token_id >= 0))
);

CREATE VIEW lm.token WITH (security_invoker='true') AS
 SELECT run_id,
    "position",
    token_id,
    ( SELECT v.token
           FROM (lm.run r
             JOIN lm.vocabulary v ON (((v.model_id = r.model_id) AND (v.token_id = k.token_id))))
          WHERE (r.run_id = k.run_id)) AS token,
    ( SELECT v.token
           FROM ((lm.run r
             JOIN lm.run_token b ON (((b.run_id = r.run_id) AND (b."position" = (k."position" - 1)))))
             JOIN lm.vocabulary v ON (((v.model_id = r.model_id) AND (v.token_id = b.token_id))))
          WHERE (r.run_id = k.run_id)) AS previous_token,
    ( SELECT v.token
           FROM ((lm.run r
             JOIN lm.run_token b ON (((b.run_id = r.run_id) AND (b."position" = (k."position" + 1)))))
             JOIN lm.vocabulary v ON (((v.model_id = r.model_id) AND (v.token_id = b.token_id))))
          WHERE (r.run_id = k.run_id)) AS next_token,
    ( SELECT string_agg(v.token, ''::text ORDER BY b."position") AS string_agg
           FROM ((lm.run r
             JOIN lm.run_token b ON (((b.run_id = r.run_id) AND ((b."position" >= (k."position" - 6)) AND (b."position" <= k."position")))))
             JOIN lm.vocabulary v ON (((v.model_id = r.model_id) AND (v.token_id = b.token_id))))
          WHERE (r.run_id = k.run_id)) AS context
   FROM lm.run_token k;

CREATE VIEW lm.adjustment_norm WITH (security_invoker='true') AS
 SELECT a.run_id,
    a.layer,
    a."position",
    t.token,
    a.norm,
    ln(NULLIF(a.norm, (0)::double precision)) AS log_norm
   FROM (lm.attention_adjustment a
     LEFT JOIN lm.token t ON (((a.run_id = t.run_id) AND (a."position" = t."position"))));

CREATE UNLOGGED TABLE lm.attention_cache (
    generation_id bigint NOT NULL,
    layer integer NOT NULL,
    sequence integer NOT NULL,
    "position" integer NOT NULL,
    key public.vector NOT NULL,
    value public.vector NOT NULL
);
ALTER TABLE ONLY lm.attention_cache ALTER COLUMN key SET STORAGE MAIN;
ALTER TABLE ONLY lm.attention_cache ALTER COLUMN value SET STORAGE MAIN;

CREATE VIEW lm.attention_pattern WITH (security_invoker='true') AS
 SELECT a.run_id,
    a.layer,
    a.head,
    a."position" AS query_position,
    ((k.number)::integer - 1) AS key_position,
    (k.weight)::double precision AS weight,
    vq.token AS query_token,
    vk.token AS key_token
   FROM ((((((lm.activation a
     CROSS JOIN LATERAL unnest((a.value)::real[]) WITH ORDINALITY k(weight, number))
     LEFT JOIN lm.run r ON ((a.run_id = r.run_id)))
     LEFT JOIN lm.run_token tq ON (((a.run_id = tq.run_id) AND (a."position" = tq."position"))))
     LEFT JOIN lm.vocabulary vq ON (((r.model_id = vq.model_id) AND (tq.token_id = vq.token_id))))
     LEFT JOIN lm.run_token tk ON (((a.run_id = tk.run_id) AND (((k.number)::integer - 1) = tk."position"))))
     LEFT JOIN lm.vocabulary vk ON (((r.model_id = vk.model_id) AND (tk.token_id = vk.token_id))))
  WHERE (a.site = 'pattern'::lm.site);

CREATE VIEW lm.captured WITH (security_invoker='true') AS
 SELECT a.run_id,
    a.site,
    a.layer,
    a.head,
    a."position",
    a.value
   FROM lm.activation a
UNION ALL
 SELECT a.run_id,
    'attn_out'::lm.site AS site,
    a.layer,
    '-1'::integer AS head,
    a."position",
    a.adjustment AS value
   FROM lm.attention_adjustment a;

CREATE TABLE lm.model (
    model_id integer NOT NULL,
    name text NOT NULL,
    n_layer integer NOT NULL,
    n_head integer NOT NULL,
    d_model integer NOT NULL,
    d_mlp integer NOT NULL,
    n_ctx integer NOT NULL,
    n_vocab integer NOT NULL,
    layer_norm_eps double precision NOT NULL,
    dtype text NOT NULL,
    end_of_text integer,
    is_default boolean DEFAULT false NOT NULL,
    source text NOT NULL,
    revision text,
    sha256 text NOT NULL,
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    family text NOT NULL,
    n_kv_head integer NOT NULL,
    d_head integer NOT NULL,
    norm_is_centred boolean NOT NULL,
    parallel_attn_mlp boolean NOT NULL,
    gated_mlp boolean NOT NULL,
    activation text NOT NULL,
    attn_scaling double precision NOT NULL,
    attn_logit_softcapping double precision,
    final_logit_softcapping double precision,
    embed_scale double precision NOT NULL,
    d_block integer NOT NULL,
    CONSTRAINT model_activation_check CHECK ((activation = ANY (ARRAY['gelu_new'::text, 'gelu'::text, 'silu'::text, 'relu'::text]))),
    CONSTRAINT model_attn_logit_softcapping_check CHECK ((attn_logit_softcapping > (0)::double precision)),
    CONSTRAINT model_attn_scaling_check CHECK ((attn_scaling > (0)::double precision)),
    CONSTRAINT model_check CHECK (((n_kv_head > 0) AND ((n_head % n_kv_head) = 0))),
    CONSTRAINT model_d_block_check CHECK ((d_block > 0)),
    CONSTRAINT model_d_head_check CHECK ((d_head > 0)),
    CONSTRAINT model_d_mlp_check CHECK ((d_mlp > 0)),
    CONSTRAINT model_d_model_check CHECK ((d_model > 0)),
    CONSTRAINT model_dtype_check CHECK ((dtype = ANY (ARRAY['float32'::text, 'float16'::text]))),
    CONSTRAINT model_embed_scale_check CHECK ((embed_scale > (0)::double precision)),
    CONSTRAINT model_final_logit_softcapping_check CHECK ((final_logit_softcapping > (0)::double precision)),
    CONSTRAINT model_layer_norm_eps_check CHECK ((layer_norm_eps > (0)::double precision)),
    CONSTRAINT model_n_ctx_check CHECK ((n_ctx > 0)),
    CONSTRAINT model_n_head_check CHECK ((n_head > 0)),
    CONSTRAINT model_n_layer_check CHECK ((n_layer > 0)),
    CONSTRAINT model_n_vocab_check CHECK ((n_vocab > 0))
);

CREATE VIEW lm.embedding_array WITH (security_invoker='true') AS
 SELECT m.name AS model,
    v.token_id,
    v.token,
    (e.weight)::real[] AS value
   FROM ((lm.model m
     JOIN lm.vocabulary v ON ((m.model_id = v.model_id)))
     CROSS JOIN LATERAL lm_internal.embedding_of(m.model_id, v.token_id) e(weight));

CREATE UNLOGGED TABLE lm.generation (
    generation_id bigint NOT NULL,
    model_id integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    keep boolean NOT NULL,
    owner text DEFAULT CURRENT_USER NOT NULL
);

ALTER TABLE lm.generation ALTER COLUMN generation_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.generation_generation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.installation (
    digest text,
    installed_at timestamp with time zone DEFAULT now() NOT NULL,
    version integer NOT NULL
);

CREATE TABLE lm.installed_object (
    kind text NOT NULL,
    identity text NOT NULL,
    CONSTRAINT installed_object_kind_check CHECK ((kind = ANY (ARRAY['table'::text, 'view'::text, 'routine'::text, 'type'::text, 'enum'::text])))
);

ALTER TABLE lm.intervention ALTER COLUMN intervention_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.intervention_intervention_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.intervention_set (
    set_name text NOT NULL,
    owner text DEFAULT CURRENT_USER NOT NULL
);

CREATE VIEW lm.lag_design WITH (security_invoker='true') AS
 SELECT run_id,
    layer,
    "position",
    log_norm,
    lag_1,
    lag_2
   FROM ( SELECT n.run_id,
            n.layer,
            n."position",
            n.log_norm,
            first_value(n.log_norm) OVER (layer RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING) AS lag_1,
            first_value(n.log_norm) OVER (layer RANGE BETWEEN 2 PRECEDING AND 2 PRECEDING) AS lag_2
           FROM lm.adjustment_norm n
          WINDOW layer AS (PARTITION BY n.run_id, n.layer ORDER BY n."position")) lagged
  WHERE ("position" >= 3);

CREATE TABLE lm.layer (
    model_id integer NOT NULL,
    layer integer NOT NULL,
    sliding_window integer,
    rotary integer,
    CONSTRAINT layer_layer_check CHECK ((layer >= 0)),
    CONSTRAINT layer_sliding_window_check CHECK ((sliding_window > 0))
);

CREATE TABLE lm.layer_norm (
    model_id integer NOT NULL,
    layer integer NOT NULL,
    site text NOT NULL,
    gain public.vector NOT NULL,
    bias public.vector NOT NULL,
    CONSTRAINT layer_norm_site_check CHECK ((site = ANY (ARRAY['ln1'::text, 'q_norm'::text, 'k_norm'::text, 'ln1_post'::text, 'ln2'::text, 'ln2_post'::text, 'ln_final'::text])))
);
ALTER TABLE ONLY lm.layer_norm ALTER COLUMN gain SET STORAGE MAIN;
ALTER TABLE ONLY lm.layer_norm ALTER COLUMN bias SET STORAGE MAIN;

CREATE TABLE lm.linear (
    model_id integer NOT NULL,
    layer integer NOT NULL,
    map lm.site NOT NULL,
    block integer NOT NULL,
    unit integer NOT NULL,
    bias real NOT NULL,
    weight public.vector,
    weight_half public.halfvec,
    CONSTRAINT linear_check CHECK ((num_nonnulls(weight, weight_half) = 1))
)
PARTITION BY LIST (model_id);
ALTER TABLE ONLY lm.linear ALTER COLUMN weight SET STORAGE PLAIN;
ALTER TABLE ONLY lm.linear ALTER COLUMN weight_half SET STORAGE PLAIN;

CREATE TABLE lm.linear_1 (
    model_id integer CONSTRAINT linear_model_id_not_null NOT NULL,
    layer integer CONSTRAINT linear_layer_not_null NOT NULL,
    map lm.site CONSTRAINT linear_map_not_null NOT NULL,
    block integer CONSTRAINT linear_block_not_null NOT NULL,
    unit integer CONSTRAINT linear_unit_not_null NOT NULL,
    bias real CONSTRAINT linear_bias_not_null NOT NULL,
    weight public.vector,
    weight_half public.halfvec,
    CONSTRAINT linear_1_model_id_check CHECK ((model_id = 1)),
    CONSTRAINT linear_check CHECK ((num_nonnulls(weight, weight_half) = 1))
);
ALTER TABLE ONLY lm.linear_1 ALTER COLUMN weight SET STORAGE PLAIN;
ALTER TABLE ONLY lm.linear_1 ALTER COLUMN weight_half SET STORAGE PLAIN;

CREATE TABLE lm.logit (
    run_id bigint NOT NULL,
    "position" integer NOT NULL,
    token_id integer NOT NULL,
    logit double precision NOT NULL
);

CREATE TABLE lm.merge (
    model_id integer NOT NULL,
    rank integer NOT NULL,
    left_bytes bytea NOT NULL,
    right_bytes bytea NOT NULL,
    token_id integer NOT NULL,
    next_rank integer DEFAULT 0,
    CONSTRAINT merge_rank_check CHECK ((rank >= 0))
);

ALTER TABLE lm.model ALTER COLUMN model_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME lm.model_model_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.position_embedding (
    model_id integer NOT NULL,
    "position" integer NOT NULL,
    embedding public.vector NOT NULL
);
ALTER TABLE ONLY lm.position_embedding ALTER COLUMN embedding SET STORAGE MAIN;

CREATE TABLE lm.rotary (
    model_id integer NOT NULL,
    rotary integer NOT NULL,
    frequencies public.vector NOT NULL,
    scaling double precision NOT NULL,
    CONSTRAINT rotary_scaling_check CHECK ((scaling > (0)::double precision))
);

CREATE VIEW lm.model_site WITH (security_invoker='true') AS
 SELECT m.model_id,
    s.site,
    s.n_head,
    s.width
   FROM (lm.model m
     CROSS JOIN LATERAL ( VALUES ('embed'::lm.site,NULL::integer,m.d_model,true), ('pos_embed'::lm.site,NULL::integer,m.d_model,(EXISTS ( SELECT
                   FROM lm.position_embedding p
                  WHERE (p.model_id = m.model_id)))), ('resid_pre'::lm.site,NULL::integer,m.d_model,true), ('ln1'::lm.site,NULL::integer,m.d_model,lm_internal.has_norm(m.model_id, 'ln1'::text)), ('q'::lm.site,m.n_head,m.d_head,true), ('k'::lm.site,m.n_kv_head,m.d_head,true), ('v'::lm.site,m.n_kv_head,m.d_head,true), ('rot_q'::lm.site,m.n_head,m.d_head,(EXISTS ( SELECT
                   FROM lm.rotary r
                  WHERE (r.model_id = m.model_id)))), ('rot_k'::lm.site,m.n_kv_head,m.d_head,(EXISTS ( SELECT
                   FROM lm.rotary r
                  WHERE (r.model_id = m.model_id)))), ('attn_scores'::lm.site,m.n_head,NULL::integer,true), ('pattern'::lm.site,m.n_head,NULL::integer,true), ('z'::lm.site,m.n_head,m.d_head,true), ('ln1_post'::lm.site,NULL::integer,m.d_model,lm_internal.has_norm(m.model_id, 'ln1_post'::text)), ('attn_out'::lm.site,NULL::integer,m.d_model,true), ('resid_mid'::lm.site,NULL::integer,m.d_model,(NOT m.parallel_attn_mlp)), ('ln2'::lm.site,NULL::integer,m.d_model,lm_internal.has_norm(m.model_id, 'ln2'::text)), ('mlp_pre'::lm.site,NULL::integer,m.d_mlp,true), ('mlp_pre_linear'::lm.site,NULL::integer,m.d_mlp,m.gated_mlp), ('mlp_post'::lm.site,NULL::integer,m.d_mlp,true), ('ln2_post'::lm.site,NULL::integer,m.d_model,lm_internal.has_norm(m.model_id, 'ln2_post'::text)), ('mlp_out'::lm.site,NULL::integer,m.d_model,true), ('resid_post'::lm.site,NULL::integer,m.d_model,true), ('ln_final'::lm.site,NULL::integer,m.d_model,true), ('logits'::lm.site,NULL::integer,NULL::integer,true)) s(site, n_head, width, is_there))
  WHERE s.is_there;

CREATE TABLE lm.token_embedding (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    embedding public.vector,
    embedding_half public.halfvec,
    block integer DEFAULT 0 NOT NULL,
    CONSTRAINT token_embedding_check CHECK ((num_nonnulls(embedding, embedding_half) = 1))
)
PARTITION BY LIST (model_id);
ALTER TABLE ONLY lm.token_embedding ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY lm.token_embedding ALTER COLUMN embedding_half SET STORAGE PLAIN;

CREATE TABLE lm.unembedding (
    model_id integer NOT NULL,
    token_id integer NOT NULL,
    block integer DEFAULT 0 NOT NULL,
    bias real DEFAULT 0 NOT NULL,
    weight public.vector,
    weight_half public.halfvec,
    CONSTRAINT unembedding_check CHECK ((num_nonnulls(weight, weight_half) = 1))
)
PARTITION BY LIST (model_id);
ALTER TABLE ONLY lm.unembedding ALTER COLUMN weight SET STORAGE PLAIN;
ALTER TABLE ONLY lm.unembedding ALTER COLUMN weight_half SET STORAGE PLAIN;

CREATE VIEW lm.model_storage WITH (security_invoker='true') AS
 SELECT model_id,
    name,
    (COALESCE(( SELECT sum(pg_total_relation_size((i.inhrelid)::regclass)) AS sum
           FROM (pg_inherits i
             JOIN pg_class c ON ((c.oid = i.inhrelid)))
          WHERE ((i.inhparent = ANY (ARRAY[('lm.token_embedding'::regclass)::oid, ('lm.unembedding'::regclass)::oid, ('lm.linear'::regclass)::oid])) AND (pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%s)'::text, m.model_id)))), (0)::numeric))::bigint AS bytes
   FROM lm.model m;

CREATE TABLE lm.patching_effect (
    sweep_id bigint NOT NULL,
    layer integer NOT NULL,
    head integer NOT NULL,
    "position" integer NOT NULL,
    logit_difference double precision NOT NULL
);

CREATE TABLE lm.patching_sweep (
    sweep_id bigint NOT NULL,
    clean_run bigint NOT NULL,
    corrupt_run bigint NOT NULL,
    site lm.site NOT NULL,
    answer integer NOT NULL,
    wrong integer NOT NULL,
    clean_difference double precision NOT NULL,
    corrupt_difference double precision NOT NULL,
    owner text DEFAULT CURRENT_USER NOT NULL
);

ALTER TABLE lm.patching_sweep ALTER COLUMN sweep_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.patching_sweep_sweep_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lm.tag (
    run_id bigint NOT NULL,
    "position" integer,
    name text NOT NULL,
    value text NOT NULL,
    owner text DEFAULT CURRENT_USER NOT NULL,
    CONSTRAINT tag_name_check CHECK ((name <> ''::text))
);

CREATE VIEW lm.progress WITH (security_invoker='true') AS
 WITH told AS (
         SELECT a.pid,
            a.usename AS role,
            t.said[1] AS what,
            (NULLIF(t.said[2], ''::text))::numeric AS done,
            (t.said[3])::numeric AS total,
            to_timestamp(((t.said[4])::bigint)::double precision) AS since,
            (t.said[5])::integer AS id,
            t.said[6] AS model
           FROM (pg_stat_activity a
             CROSS JOIN LATERAL regexp_match(a.application_name, '^psqlm (load|run|generate) (\d{0,12})/(\d{1,12}) (\d{1,12}) (\d{1,9}) (.+)$'::text) t(said))
          WHERE ((a.datname = current_database()) AND (t.said IS NOT NULL))
        ), other AS (
         SELECT a.pid,
            a.usename AS role,
                CASE
                    WHEN bool_or((l.relation = ('lm.run'::regclass)::oid)) THEN 'run'::text
                    ELSE 'generate'::text
                END AS what,
            min(a.xact_start) AS since
           FROM (pg_locks l
             JOIN pg_stat_activity a ON ((a.pid = l.pid)))
          WHERE ((l.database = ( SELECT d.oid
                   FROM pg_database d
                  WHERE (d.datname = current_database()))) AND (l.relation = ANY (ARRAY[('lm.run'::regclass)::oid, ('lm.generation'::regclass)::oid, ('lm.tag'::regclass)::oid, ('lm.patching_sweep'::regclass)::oid])) AND (l.mode = 'RowExclusiveLock'::text) AND l.granted AND (NOT (a.pid IN ( SELECT t.pid
                   FROM told t))))
          GROUP BY a.pid, a.usename
         HAVING (bool_or((l.relation = ANY (ARRAY[('lm.run'::regclass)::oid, ('lm.generation'::regclass)::oid]))) AND (NOT (bool_or((l.relation = ('lm.tag'::regclass)::oid)) AND bool_or((l.relation = ('lm.patching_sweep'::regclass)::oid)))))
        ), command AS (
         SELECT t.id,
            t.what,
            t.model,
            t.role,
                CASE
                    WHEN (count(t.done) > 0) THEN LEAST((max(t.done) + COALESCE((sum(c.bytes_processed) / '1000000'::numeric), (0)::numeric)), max(t.total))
                    ELSE NULL::numeric
                END AS done,
            max(t.total) AS total,
            min(t.since) AS since,
            array_agg(t.pid ORDER BY t.pid) AS pids
           FROM (told t
             LEFT JOIN pg_stat_progress_copy c ON ((c.pid = t.pid)))
          GROUP BY t.id, t.what, t.model, t.role
        )
 SELECT c.id,
    c.what,
    c.model,
    round(c.done) AS done,
    c.total,
        CASE c.what
            WHEN 'load'::text THEN 'MB'::text
            ELSE 'tokens'::text
        END AS unit,
    round((c.done / NULLIF(EXTRACT(epoch FROM (clock_timestamp() - c.since)), (0)::numeric)), 1) AS rate,
    c.since,
    c.role,
    c.pids
   FROM command c
UNION ALL
 SELECT o.pid AS id,
    o.what,
    NULL::text AS model,
    NULL::numeric AS done,
    NULL::numeric AS total,
    NULL::text AS unit,
    NULL::numeric AS rate,
    o.since,
    o.role,
    ARRAY[o.pid] AS pids
   FROM other o
  ORDER BY 8, 1;

CREATE VIEW lm.residual_cosine WITH (security_invoker='true') AS
 SELECT a.run_id,
    a.site,
    a."position",
    a.layer,
    b.layer AS other_layer,
    ((1)::double precision - (a.value OPERATOR(public.<=>) b.value)) AS cosine
   FROM (lm.captured a
     JOIN lm.captured b ON (((a.run_id = b.run_id) AND (a.site = b.site) AND (a.head = b.head) AND (a."position" = b."position"))))
  WHERE ((a.site = ANY (ARRAY['resid_pre'::lm.site, 'resid_mid'::lm.site, 'resid_post'::lm.site])) AND (a.layer < b.layer));

CREATE VIEW lm.residual_norm WITH (security_invoker='true') AS
 SELECT c.run_id,
    c.site,
    c.layer,
    c."position",
    t.token,
    public.vector_norm(c.value) AS norm
   FROM (lm.captured c
     LEFT JOIN lm.token t ON (((c.run_id = t.run_id) AND (c."position" = t."position"))))
  WHERE (c.site = ANY (ARRAY['resid_pre'::lm.site, 'resid_mid'::lm.site, 'resid_post'::lm.site]));

ALTER TABLE lm.run ALTER COLUMN run_id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lm.run_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW lm.run_storage WITH (security_invoker='true') AS
 WITH kept AS (
         SELECT s_1.site,
            t.relation,
            r.run_id,
            p.n_token,
            (((p.n_token)::double precision * (
                CASE
                    WHEN (s_1.site = ANY (ARRAY['embed'::lm.site, 'pos_embed'::lm.site, 'ln_final'::lm.site])) THEN 1
                    WHEN (s_1.site = 'logits'::lm.site) THEN COALESCE(LEAST(r.top_logits, m.n_vocab), m.n_vocab)
                    ELSE COALESCE(cardinality(r.capture_layers), m.n_layer)
                END)::double precision) * (COALESCE(s_1.n_head, 1))::double precision) AS n_row,
                CASE
                    WHEN (s_1.site = 'logits'::lm.site) THEN (100)::numeric
                    ELSE ((100)::numeric + ((4)::numeric * COALESCE((s_1.width)::numeric, (((cardinality(r.token_ids) + 1))::numeric / 2.0))))
                END AS row_width
           FROM ((((lm.run r
             JOIN lm.model m ON ((m.model_id = r.model_id)))
             JOIN lm.model_site s_1 ON (((s_1.model_id = m.model_id) AND (s_1.site = ANY (r.capture)))))
             CROSS JOIN LATERAL ( SELECT LEAST(COALESCE(cardinality(r.capture_positions), cardinality(r.token_ids)), cardinality(r.token_ids)) AS n_token) p)
             CROSS JOIN LATERAL ( SELECT (
                        CASE s_1.site
                            WHEN 'attn_out'::lm.site THEN 'lm.attention_adjustment'::text
                            WHEN 'logits'::lm.site THEN 'lm.logit'::text
                            ELSE 'lm.activation'::text
                        END)::regclass AS relation) t)
        ), site AS (
         SELECT k.site,
            k.relation,
            count(*) AS n_run,
            sum(k.n_token) AS n_token,
            sum(k.n_row) AS n_row,
            sum((k.n_row * (k.row_width)::double precision)) AS share
           FROM kept k
          GROUP BY k.site, k.relation
        )
 SELECT site,
    n_run,
    n_token,
    (n_row)::bigint AS n_row,
    ((((pg_total_relation_size(relation))::double precision * share) / sum(share) OVER (PARTITION BY relation)))::bigint AS bytes
   FROM site s
  ORDER BY site;

CREATE VIEW lm.run_summary WITH (security_invoker='true') AS
 SELECT r.run_id,
    m.name AS model,
    "left"(regexp_replace(COALESCE(r.prompt, lm.decode(r.token_ids[:60], m.name)), '\s+'::text, ' '::text, 'g'::text), 60) AS first_words,
    cardinality(r.token_ids) AS n_token,
        CASE
            WHEN (NOT (EXISTS ( SELECT
               FROM lm.model_site s
              WHERE ((s.model_id = r.model_id) AND (s.site <> ALL (r.capture)))))) THEN 'all'::text
            ELSE array_to_string(r.capture, ','::text)
        END AS captured,
    r.interventions,
    ( SELECT string_agg(((t.name || '='::text) || t.value), ','::text ORDER BY t.name) AS string_agg
           FROM lm.tag t
          WHERE ((t.run_id = r.run_id) AND (t."position" IS NULL))) AS tags,
    lm.capture_bytes(ARRAY[cardinality(r.token_ids)], m.name, (r.capture)::text[], r.capture_layers, r.capture_positions, r.top_logits) AS bytes,
    r.started_at
   FROM (lm.run r
     JOIN lm.model m ON ((m.model_id = r.model_id)));

CREATE VIEW lm.table_storage WITH (security_invoker='true') AS
 SELECT c.relname AS name,
    n.n_row,
    pg_total_relation_size((c.oid)::regclass) AS bytes,
        CASE
            WHEN ((c.reltuples < (0)::double precision) OR (w.width = 0)) THEN (0)::bigint
            ELSE GREATEST((0)::bigint, (pg_relation_size((c.oid)::regclass) - ((((n.n_row * (28 + w.width)))::numeric * 1.1))::bigint))
        END AS unused
   FROM ((pg_class c
     CROSS JOIN LATERAL ( SELECT (GREATEST(c.reltuples, (pg_stat_get_live_tuples(c.oid))::real, (0)::real))::bigint AS n_row) n)
     CROSS JOIN LATERAL ( SELECT COALESCE(sum(s.avg_width), (0)::bigint) AS width
           FROM pg_stats s
          WHERE ((s.schemaname = 'lm'::name) AND (s.tablename = c.relname))) w)
  WHERE ((c.relnamespace = ('lm'::regnamespace)::oid) AND (c.relkind = 'r'::"char"))
  ORDER BY c.relname;

CREATE TABLE lm.token_embedding_1 (
    model_id integer CONSTRAINT token_embedding_model_id_not_null NOT NULL,
    token_id integer CONSTRAINT token_embedding_token_id_not_null NOT NULL,
    embedding public.vector,
    embedding_half public.halfvec,
    block integer DEFAULT 0 CONSTRAINT token_embedding_block_not_null NOT NULL,
    CONSTRAINT token_embedding_1_model_id_check CHECK ((model_id = 1)),
    CONSTRAINT token_embedding_check CHECK ((num_nonnulls(embedding, embedding_half) = 1))
);
ALTER TABLE ONLY lm.token_embedding_1 ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY lm.token_embedding_1 ALTER COLUMN embedding_half SET STORAGE PLAIN;

CREATE VIEW lm.token_tag WITH (security_invoker='true') AS
 SELECT k.run_id,
    k."position",
    t.name,
    t.value
   FROM (lm.run_token k
     JOIN lm.tag t ON ((k.run_id = t.run_id)))
  WHERE ((t."position" = k."position") OR ((t."position" IS NULL) AND (NOT (EXISTS ( SELECT
           FROM lm.tag own
          WHERE ((own.run_id = k.run_id) AND (own."position" = k."position") AND (own.name = t.name)))))));

CREATE TABLE lm.verification (
    model_id integer NOT NULL,
    verified_at timestamp with time zone DEFAULT now() NOT NULL,
    site lm.site NOT NULL,
    layer integer NOT NULL,
    largest_difference double precision NOT NULL,
    relative_difference double precision NOT NULL,
    prompt text NOT NULL,
    psqlm text NOT NULL,
    transformers text NOT NULL,
    torch text NOT NULL
);

CREATE VIEW lm_internal.carried_vector WITH (security_invoker='true') AS
 SELECT c.run_id,
    c.site,
    c.layer,
    c.head,
    c."position",
    t.token_id,
    public.vector_norm(c.value) AS norm,
    c.value
   FROM (lm.captured c
     JOIN lm.run_token t ON (((c.run_id = t.run_id) AND (c."position" = t."position"))));

CREATE VIEW lm_internal.whole_run WITH (security_invoker='true') AS
 SELECT r.run_id,
    m.name AS model,
    r.token_ids,
    r.interventions,
    r.intervention_digest
   FROM (lm.run r
     JOIN lm.model m ON ((m.model_id = r.model_id)))
  WHERE (('attn_out'::lm.site = ANY (r.capture)) AND (num_nonnulls(r.capture_layers, r.capture_positions) = 0));

ALTER TABLE ONLY lm.linear ATTACH PARTITION lm.linear_1 FOR VALUES IN (1);

ALTER TABLE ONLY lm.token_embedding ATTACH PARTITION lm.token_embedding_1 FOR VALUES IN (1);

INSERT INTO lm.activation VALUES
	(1, 'resid_post', 0, -1, 0, '[-0.21294709,-1.7943919,-1.5263692,-0.7838597,-0.7301601,-1.4499326,0.36189765,0.5281881]'),
	(1, 'z', 0, 0, 0, '[-0.65732163,0.7942098,-0.14898041,0.9314389]'),
	(1, 'z', 0, 1, 0, '[1.20107,1.5506252,-0.40692478,-1.7549367]'),
	(1, 'pattern', 0, 0, 0, '[1]'),
	(1, 'pattern', 0, 1, 0, '[1]'),
	(1, 'resid_post', 0, -1, 1, '[0.7845914,-1.3792586,-3.1047063,-1.1259093,-0.81407785,-0.6340558,-1.5076739,0.19565535]'),
	(1, 'z', 0, 0, 1, '[-0.63829756,0.82149416,-0.12203791,0.924625]'),
	(1, 'z', 0, 1, 1, '[1.7429627,1.3990295,0.06417939,-1.8452208]'),
	(1, 'pattern', 0, 0, 1, '[0.97556335,0.024436608]'),
	(1, 'pattern', 0, 1, 1, '[0.45539287,0.54460716]'),
	(1, 'resid_post', 0, -1, 2, '[-0.09526825,-2.8126788,-1.2718297,-1.3374007,-0.31302196,-1.7571336,-0.3244512,0.14385863]'),
	(1, 'z', 0, 0, 2, '[-0.5223593,1.5554197,0.612697,1.3233225]'),
	(1, 'z', 0, 1, 2, '[1.7773082,1.1592796,0.17281844,-1.7564712]'),
	(1, 'pattern', 0, 0, 2, '[0.47035414,0.20769688,0.32194895]'),
	(1, 'pattern', 0, 1, 2, '[0.25908515,0.54573685,0.19517799]'),
	(1, 'resid_post', 0, -1, 3, '[0.6604974,-2.3448126,-2.4979658,-1.7569749,0.6615443,-0.39551538,-0.07540232,0.69246083]'),
	(1, 'z', 0, 0, 3, '[0.10670519,1.5728047,0.7472972,0.831198]'),
	(1, 'z', 0, 1, 3, '[1.5922462,1.1318749,0.1076953,-1.7755431]'),
	(1, 'pattern', 0, 0, 3, '[0.026389372,0.4052666,0.3743733,0.1939707]'),
	(1, 'pattern', 0, 1, 3, '[0.28787673,0.5237964,0.12633507,0.06199186]'),
	(1, 'resid_post', 0, -1, 4, '[0.112570286,-2.991819,-1.7818339,-1.7072865,-0.29217553,-1.8088497,-0.15584439,0.6409034]'),
	(1, 'z', 0, 0, 4, '[-0.3442241,1.7310072,0.90893406,1.4687952]'),
	(1, 'z', 0, 1, 4, '[1.2604893,1.0027452,-0.11366216,-1.7768296]'),
	(1, 'pattern', 0, 0, 4, '[0.23273699,0.20986623,0.46170214,0.023736827,0.07195781]'),
	(1, 'pattern', 0, 1, 4, '[0.36138535,0.38622078,0.045287743,0.10888309,0.09822307]'),
	(1, 'resid_post', 1, -1, 0, '[-0.34906483,-0.3966967,-1.0732586,-1.52863,-1.761888,-0.5546859,1.321995,0.8828838]'),
	(1, 'z', 1, 0, 0, '[0.5448284,-0.49794963,1.1714728,0.7286744]'),
	(1, 'z', 1, 1, 0, '[0.49599025,-0.5813223,-0.5310339,-0.3352444]'),
	(1, 'pattern', 1, 0, 0, '[1]'),
	(1, 'pattern', 1, 1, 0, '[1]'),
	(1, 'resid_post', 1, -1, 1, '[1.5707752,0.011709869,-3.3772216,-0.9323933,-1.9217031,-0.18896131,-0.37579572,0.28393874]'),
	(1, 'z', 1, 0, 1, '[0.20447108,-0.59868675,0.8465717,0.15757616]'),
	(1, 'z', 1, 1, 1, '[0.24972905,-0.3721051,-0.62393844,-1.3967361]'),
	(1, 'pattern', 1, 0, 1, '[0.34193292,0.65806705]'),
	(1, 'pattern', 1, 1, 1, '[0.5632796,0.43672037]'),
	(1, 'resid_post', 1, -1, 2, '[-0.53761137,-0.63230705,-1.2018021,-2.097737,-1.1781783,-0.9610635,0.55477947,0.709518]'),
	(1, 'z', 1, 0, 2, '[0.10156209,-0.23542649,0.7176089,0.7179972]'),
	(1, 'z', 1, 1, 2, '[0.29649088,-0.3489278,-0.8601395,-1.8797846]'),
	(1, 'pattern', 1, 0, 2, '[0.29461345,0.10926433,0.5961222]'),
	(1, 'pattern', 1, 1, 2, '[0.1904858,0.3513551,0.45815903]'),
	(1, 'resid_post', 1, -1, 3, '[0.28018272,0.36004424,-2.8599603,-2.086366,-0.73325384,0.21914037,0.53827477,1.135217]'),
	(1, 'z', 1, 0, 3, '[-0.073835045,-0.13513452,0.6854267,0.6313542]'),
	(1, 'z', 1, 1, 3, '[0.37046713,-0.37489837,-0.9322285,-1.9608469]'),
	(1, 'pattern', 1, 0, 3, '[0.12570678,0.16549926,0.5042428,0.20455125]'),
	(1, 'pattern', 1, 1, 3, '[0.17468643,0.3369399,0.322986,0.16538762]'),
	(1, 'resid_post', 1, -1, 4, '[-0.19546664,-0.6735402,-1.7947049,-2.5206354,-1.2923396,-1.0117769,0.6574072,1.1601524]'),
	(1, 'z', 1, 0, 4, '[-0.020179583,-0.13643485,0.68071425,0.74774516]'),
	(1, 'z', 1, 1, 4, '[0.43434125,-0.42530823,-0.9870727,-1.9054346]'),
	(1, 'pattern', 1, 0, 4, '[0.13211423,0.040420473,0.40249568,0.112960376,0.31200925]'),
	(1, 'pattern', 1, 1, 4, '[0.12596758,0.23265578,0.29361624,0.12791729,0.2198431]'),
	(2, 'ln1', 0, -1, 0, '[0.9088844,0.28050995,1.9872499,-1.1823499,-0.21596017,-0.6059732,-0.013751627,-1.1542605]'),
	(2, 'mlp_post', 0, -1, 0, '[-0.026977897,3.4741879,-0.16142267,0.30336726,0.17305356,1.8195274,-0.14893809,2.3374605,-0.06412029,1.2320409,-0.08329058,-0.09959662,0.0382579,-0.13207102,1.8363566,-0.13363735,0.3335566,1.476474,-0.11538535,2.8080301,0.18652953,0.7358244,0.06902332,0.88297284,1.8411798,0.80297804,-0.16114336,-0.13768953,0.12908153,0.29831678,-0.11789325,-0.0968864]'),
	(2, 'ln1', 0, -1, 1, '[0.16295072,-0.8155246,-1.6984191,0.96585447,-0.7010125,-0.30732787,1.3383868,1.1130708]'),
	(2, 'mlp_post', 0, -1, 1, '[-0.0090174675,4.68696,-0.14094225,0.53540254,0.7288741,0.5250822,-0.041952074,1.1114582,-0.030252934,2.4735684,0.1306252,-0.090146184,0.88523704,-0.07964885,0.42207128,-0.1623901,0.6180091,1.2419817,-0.16942172,0.5607896,-0.15431148,0.9758183,-0.14143394,0.28068912,2.1666698,0.16661474,-0.07144304,-0.15972254,-0.013838403,0.26422542,0.14095184,-0.025440812]'),
	(2, 'ln1', 0, -1, 2, '[0.22524098,0.4337294,0.8426377,-0.24099843,-1.3166661,0.951782,1.0040338,-1.8632054]'),
	(2, 'mlp_post', 0, -1, 2, '[-0.15515119,2.3539352,-0.16950406,0.0492931,-0.10608144,0.66447747,0.7825606,0.23399799,-0.16987474,1.6771839,-0.12981158,-0.041301534,-0.11011386,0.0035130535,-0.14057904,-0.1372503,0.029505149,-0.091404654,0.18307737,-0.16033989,0.45363668,0.87392795,0.051289875,2.2141848,-0.044473954,1.6418834,-0.15914145,-0.020673513,-0.14892876,0.34332138,2.2794423,-0.135007]'),
	(2, 'ln1', 1, -1, 0, '[1.7137967,-0.6265414,-1.7645895,-0.86540884,0.5241843,0.22591393,0.0043564457,0.7497887]'),
	(2, 'mlp_post', 1, -1, 0, '[1.1670371,-0.12821573,1.0605247,-0.05563253,1.1149348,0.8563417,-0.12220633,-0.064884126,-0.17000328,0.37598708,0.2307258,1.6033432,1.1655627,-0.14173847,-0.14932048,0.69062537,-0.036402006,-0.003194213,0.08317922,-0.16105847,0.6526207,1.6997321,2.972086,-0.13298741,1.66856,1.1866693,0.8483627,-0.13447282,-0.16760364,0.9902908,-0.1257899,-0.10470027]'),
	(2, 'ln1', 1, -1, 1, '[1.1540427,-1.8756367,-0.5563777,-0.3031923,0.56853074,-0.7101088,0.42813048,1.2840353]'),
	(2, 'mlp_post', 1, -1, 1, '[0.090889856,0.0004180773,0.8490212,0.36602503,1.9537017,-0.15900187,-0.028733825,-0.16254398,-0.08066642,0.42491114,1.1738695,0.81472373,0.9996604,-0.028233051,-0.1460284,1.5958345,-0.11945951,-9.024143e-05,1.0312593,-0.14501584,-0.1018495,1.3908448,2.8366199,-0.16502336,0.8100006,1.6837581,0.5262757,-0.16692626,-0.053732514,-0.1518817,-0.16766149,-0.0088739395]'),
	(2, 'ln1', 1, -1, 2, '[1.5461513,-1.5480801,1.2415444,0.4689194,-0.72988766,-0.6033991,-0.6248261,0.21596153]'),
	(2, 'mlp_post', 1, -1, 2, '[-0.14908011,0.5022532,0.034743436,0.8851648,-0.11577475,-0.054344773,0.3718171,-0.106458426,-0.10357609,0.3555961,0.88694143,-0.12542957,-0.15187556,-0.007901311,-0.051240794,0.2169659,-0.15584087,-0.023244739,1.0735079,0.21274692,-0.116542876,1.1203219,-0.13806352,0.23905405,-0.072140485,1.7490302,1.299927,0.7441235,-0.15733472,0.041348804,-0.07514393,-0.024111748]');

INSERT INTO lm.added_token VALUES
	(1, 261, '<|endoftext|>', DEFAULT, false, false, false, false);

INSERT INTO lm.attention_adjustment VALUES
	(1, 0, 0, '[0.076993346,-0.99237937,0.21288165,-1.0502456,0.8453934,-0.71353793,-1.1398453,0.80113655]', DEFAULT),
	(1, 0, 1, '[0.19970722,-1.0729692,-0.08409938,-0.9212074,0.74579304,-0.84497535,-1.4647605,0.81797415]', DEFAULT),
	(1, 0, 2, '[0.06837496,-1.4242487,0.13619629,-0.98968524,0.4063227,-0.8617401,-1.502049,1.0193944]', DEFAULT),
	(1, 0, 3, '[-0.083048075,-1.0665158,0.1409519,-1.0837563,0.44839552,-0.953554,-1.4417981,0.88226455]', DEFAULT),
	(1, 0, 4, '[-0.036593884,-1.4349412,0.53706956,-1.1437213,0.32710558,-0.70396423,-1.2960632,1.0229313]', DEFAULT),
	(1, 1, 0, '[0.60158795,1.0658844,0.952263,-0.19431181,0.64819294,0.3063799,0.055159748,0.078721434]', DEFAULT),
	(1, 1, 1, '[0.6031035,1.3211353,0.7709316,-0.18072289,0.50028354,0.20537513,0.124612,-0.22245362]', DEFAULT),
	(1, 1, 2, '[0.68967414,1.3992229,0.8168752,-0.32497236,0.52284646,0.3808002,0.10972445,-0.13045183]', DEFAULT),
	(1, 1, 3, '[0.68147385,1.3934324,0.76616406,-0.35840976,0.55860245,0.40861624,0.1453322,-0.17593235]', DEFAULT),
	(1, 1, 4, '[0.6953465,1.399179,0.77929425,-0.37177026,0.60440236,0.41915494,0.13823678,-0.13882092]', DEFAULT),
	(2, 0, 0, '[-0.43770388,-0.705767,0.15060434,-1.4320648,0.66721773,-1.050763,-2.0799615,0.9293271]', DEFAULT),
	(2, 0, 1, '[0.400429,-1.0776564,0.5996338,-1.005124,0.18294746,-0.49953562,-1.3148735,0.6025086]', DEFAULT),
	(2, 0, 2, '[0.37695342,-1.3233263,0.9975184,-1.0060028,-0.3876713,-0.44481355,-0.4820097,0.3870386]', DEFAULT),
	(2, 1, 0, '[0.51629233,1.4814632,0.6528943,-0.4440725,0.5565968,0.4512608,0.18973817,-0.35117206]', DEFAULT),
	(2, 1, 1, '[0.6824876,1.5325376,0.7183117,-0.38677356,0.5781272,0.38722485,0.15811431,-0.23825863]', DEFAULT),
	(2, 1, 2, '[0.65102434,1.3576832,0.7124835,-0.2951096,0.24223566,0.38406911,0.1957669,-0.34230715]', DEFAULT),
	(3, 0, 0, '[0.076993346,-0.99237937,0.21288165,-1.0502456,0.8453934,-0.71353793,-1.1398453,0.80113655]', DEFAULT),
	(3, 0, 1, '[0.19970722,-1.0729692,-0.08409938,-0.9212074,0.74579304,-0.84497535,-1.4647605,0.81797415]', DEFAULT),
	(3, 0, 2, '[0.06837496,-1.4242487,0.13619629,-0.98968524,0.4063227,-0.8617401,-1.502049,1.0193944]', DEFAULT),
	(3, 0, 3, '[-0.083048075,-1.0665158,0.1409519,-1.0837563,0.44839552,-0.953554,-1.4417981,0.88226455]', DEFAULT),
	(3, 0, 4, '[-0.036593884,-1.4349412,0.53706956,-1.1437213,0.32710558,-0.70396423,-1.2960632,1.0229313]', DEFAULT),
	(3, 1, 0, '[0.30079398,0.5329422,0.4761315,-0.097155906,0.32409647,0.15318996,0.027579874,0.039360717]', DEFAULT),
	(3, 1, 1, '[0.30155176,0.66056764,0.3854658,-0.090361446,0.25014177,0.10268757,0.062306,-0.11122681]', DEFAULT),
	(3, 1, 2, '[0.34483707,0.6996114,0.4084376,-0.16248618,0.26142323,0.1904001,0.054862224,-0.065225914]', DEFAULT),
	(3, 1, 3, '[0.34073693,0.6967162,0.38308203,-0.17920488,0.27930123,0.20430812,0.0726661,-0.087966174]', DEFAULT),
	(3, 1, 4, '[0.34767324,0.6995895,0.38964713,-0.18588513,0.30220118,0.20957747,0.06911839,-0.06941046]', DEFAULT);

INSERT INTO lm.generation VALUES
	(3, 1, '2025-06-01 00:00:00+00', true, 'postgres');

INSERT INTO lm.installation VALUES
	('6884aaadce23a18e9d184ddfa347d414c42f6189838a36064e6daca6a85f1cf7', '2026-11-27 00:36:28.374645+00', 2);

INSERT INTO lm.installed_object VALUES
	('routine', 'lm_internal.patch_places(bigint)'),
	('routine', 'lm_internal.drop_weights()'),
	('routine', 'lm_internal.knock_out(vector,lm_internal.change[],integer,integer,integer,integer,integer)'),
	('routine', 'lm_internal.join_set()'),
	('routine', 'lm_internal.forget_generation()'),
	('routine', 'lm_internal.require_right(text,text)'),
	('routine', 'keep_runs_private(boolean)'),
	('routine', 'runs_are_private()'),
	('routine', 'lm_internal.doubt_of_role(name)'),
	('routine', 'grant_to_roles()'),
	('routine', 'lm_internal.fail(anyelement,text,text)'),
	('routine', 'lm_internal.row_limit(integer)'),
	('routine', 'default_model()'),
	('routine', 'model_id(text)'),
	('routine', 'set_default_model(text)'),
	('routine', 'lm_internal.mark_default_model()'),
	('routine', 'lm_internal.hold_model(integer)'),
	('routine', 'lm_internal.who_holds(text)'),
	('routine', 'lm_internal.lock_model(text)'),
	('routine', 'lm_internal.require_unused(bigint[])'),
	('routine', 'drop_runs(bigint[])'),
	('routine', 'merge_steps(text,text)'),
	('routine', 'drop_leftovers()'),
	('routine', 'drop_model(text)'),
	('routine', 'lm_internal.has_norm(integer,text)'),
	('routine', 'lm_internal.key_site(integer)'),
	('routine', 'lm_internal.unicode_letters()'),
	('routine', 'lm_internal.unicode_numbers()'),
	('routine', 'lm_internal.unicode_newer_numbers()'),
	('routine', 'concat(vector)'),
	('routine', 'total(vector)'),
	('routine', 'lm_internal.next_step(bigint,integer,integer[],integer[],integer[],boolean[],integer,double precision,integer,double precision,bigint,lm_internal.change[])'),
	('routine', 'lm_internal.unicode_spaces()'),
	('routine', 'lm_internal.unicode_word_parts()'),
	('routine', 'lm_internal.unicode_unknown_marks()'),
	('routine', 'lm_internal.tokenizer(text)'),
	('routine', 'lm_internal.utf8_text(bytea)'),
	('routine', 'lm_internal.readable(bytea)'),
	('routine', 'lm_internal.tokens_by_id(integer[],integer)'),
	('routine', 'decode_bytes(integer[],text)'),
	('routine', 'decode(integer[],text)'),
	('routine', 'lm_internal.symbols(text,text)'),
	('routine', 'lm_internal.spell(text,text)'),
	('routine', 'lm_internal.start_generation(integer,integer,double precision,integer,double precision,boolean)'),
	('routine', 'lm_internal.tokens_in(text)'),
	('routine', 'lm_internal.replace_all(text,text)'),
	('routine', 'lm_internal.possible_merges(text,integer)'),
	('routine', 'lm_internal.replace_first(text,text,text)'),
	('routine', 'lm_internal.merge_once(text,integer)'),
	('routine', 'lm_internal.merge_all(text,integer)'),
	('routine', 'lm_internal.word_character()'),
	('routine', 'lm_internal.split_at_added(text,integer,boolean)'),
	('routine', 'lm_internal.nfc(text)'),
	('routine', 'lm_internal.with_classes(text)'),
	('routine', 'fill(double precision,integer)'),
	('routine', 'lm_internal.word_pattern(text)'),
	('routine', 'lm_internal.piece_pattern(cut)'),
	('routine', 'lm_internal.marks_as_spaces(text,text)'),
	('routine', 'lm_internal.merge_windows(text,integer,text)'),
	('routine', 'tokenize(text,text,boolean)'),
	('routine', 'encode(text,text,boolean)'),
	('routine', 'lm_internal.embedding_rows(integer)'),
	('routine', 'lm_internal.exp(double precision)'),
	('routine', 'lm_internal.pad(vector,vector)'),
	('routine', 'lm_internal.columns(vector[],integer,integer)'),
	('routine', 'lm_internal.identity(integer)'),
	('routine', 'lm_internal.activate(vector[],text)'),
	('routine', 'lm_internal."normalize"(vector[],vector,vector,double precision,boolean)'),
	('routine', 'lm_internal.softmax(vector[])'),
	('routine', 'lm_internal.linear_by_8(vector[],integer,integer,site,integer)'),
	('routine', 'lm_internal.linear_by_32(vector[],integer,integer,site,integer)'),
	('routine', 'lm_internal.unembedding_blocks(integer)'),
	('routine', 'lm_internal.halves(vector)'),
	('routine', 'lm_internal.linear(vector[],integer,integer,site,integer)'),
	('routine', 'lm_internal.product_by_16(vector[],vector[])'),
	('routine', 'lm_internal.product(vector[],vector[])'),
	('routine', 'lm_internal.is_whole(integer)'),
	('routine', 'lm_internal.embedding_of(integer,integer)'),
	('routine', 'lm_internal.unembedding_of(integer,integer)'),
	('routine', 'lm_internal.unembedding_rows(integer)'),
	('routine', 'lm_internal.unembed(vector[],integer)'),
	('routine', 'lm_internal.affine_step(vector,vector,lm_internal.change)'),
	('routine', 'lm_internal.affine(vector,lm_internal.change)'),
	('routine', 'lm_internal.is_meant_for(lm_internal.change,integer,integer,integer,integer)'),
	('routine', 'lm_internal.change_row(vector,lm_internal.change[],site,integer,integer,integer,integer)'),
	('routine', 'lm_internal.change_rows(vector[],lm_internal.change[],site,integer,integer[],integer[])'),
	('routine', 'lm_internal.has_change(lm_internal.change[],site,integer)'),
	('routine', 'lm_internal.positions_at_once()'),
	('routine', 'lm_internal.hook(site,vector[],lm_internal.here)'),
	('routine', 'lm_internal.norm(site,vector[],lm_internal.here)'),
	('routine', 'lm_internal.norm_heads(text,vector[],lm_internal.here)'),
	('routine', 'lm_internal.project(site,vector[],integer,integer,integer)'),
	('routine', 'lm_internal.linear(site,vector[],lm_internal.here)'),
	('routine', 'lm_internal.output(site,site,vector[],lm_internal.here)'),
	('routine', 'next_token(text,integer,text,text)'),
	('routine', 'lm_internal.capture_sites(text[],integer)'),
	('routine', 'lm_internal.check_capture(integer,integer[],integer[],integer,integer)'),
	('routine', 'lm_internal.add(site,vector[],vector[],lm_internal.here)'),
	('routine', 'lm_internal.activated(vector[],vector[],text)'),
	('routine', 'lm_internal.embed_tokens(integer[],lm_internal.here)'),
	('routine', 'lm_internal.rotations(integer,integer[])'),
	('routine', 'lm_internal.rotate(site,vector[],vector[],vector[],integer,lm_internal.here)'),
	('routine', 'lm_internal.known_keys(lm_internal.here)'),
	('routine', 'lm_internal.context(vector[],vector[],vector[],lm_internal.here)'),
	('routine', 'lm_internal.attention(vector[],vector[],vector[],lm_internal.here)'),
	('routine', 'lm_internal.mlp(vector[],lm_internal.here)'),
	('routine', 'lm_internal.transformer(integer,integer[],integer[],integer[],site[],bigint,lm_internal.change[],integer,vector[],bigint,integer[])'),
	('routine', 'lm_internal.first_half(integer[],integer[])'),
	('routine', 'lm_internal.transformer_halves(integer,integer,integer[],integer[],integer[],site[],bigint,lm_internal.change[],integer,vector[],bigint,integer[])'),
	('routine', 'lm_internal.transformer_many(integer,integer[],integer[],integer[],site[],lm_internal.change[],integer,vector[],bigint)'),
	('routine', 'run_position(bigint,integer)'),
	('routine', 'lm_internal.require_capture(bigint,site[],integer[],integer[])'),
	('routine', 'vector_at(bigint,site,integer,integer,integer)'),
	('routine', 'make_intervention(site,text,integer,integer,integer,integer,integer,double precision,vector,bigint)'),
	('routine', 'replace_interventions(text,intervention[])'),
	('routine', 'lm_internal.intervention_digest(text,integer)'),
	('routine', 'lm_internal.record_pass(integer,bigint[],integer[],text[],integer[],integer[],site[],integer[],integer[],integer,text)'),
	('routine', 'score(text[],text[],text)'),
	('routine', 'lm_internal.logit_difference(vector,integer,integer,integer)'),
	('routine', 'lm_internal.counted_position(integer,integer)'),
	('routine', 'lm_internal.check_interventions(text,integer,integer[],integer)'),
	('routine', 'lm_internal.intervention_vectors(text,integer)'),
	('routine', 'lm_internal.changes(text,integer,integer[],integer)'),
	('routine', 'lm_internal.prompt_tokens(text,integer[],integer)'),
	('routine', 'token_id(text,text)'),
	('routine', 'embedding(text,text)'),
	('routine', 'lm_internal.log_sum_exp(double precision[])'),
	('routine', 'lm_internal.final_norm(vector[],integer)'),
	('routine', 'lm_internal.logits(vector,integer)'),
	('routine', 'lm_internal.tokens_in_a_pass()'),
	('routine', 'lm_internal.record_runs(integer,text[],integer[],site[],integer[],integer[],integer,text)'),
	('routine', 'forward(text,text,text[],integer[],text,integer[],integer[],integer)'),
	('routine', 'forward_many(text[],text,text[],text,integer[],integer[],integer)'),
	('routine', 'lm_internal.uniform(bigint,integer,integer)'),
	('routine', 'lm_internal.next_draw(double precision[],integer,double precision,integer,double precision,bigint)'),
	('routine', 'lm_internal.end_generation(bigint)'),
	('routine', 'lm_internal.context_is_full(integer)'),
	('routine', 'lm_internal.generated(text[],integer,double precision,integer,double precision,bigint,integer,text,boolean)'),
	('routine', 'generate_tokens(text,integer,double precision,integer,double precision,bigint,text,text,boolean)'),
	('routine', 'generate(text,integer,double precision,integer,double precision,bigint,text,text)'),
	('routine', 'generate_many(text[],integer,double precision,integer,double precision,bigint,text,text)'),
	('routine', 'lm_internal.score_pass(integer,integer[],integer[],integer[],integer[],boolean[])'),
	('routine', 'lm_internal.start_sweep(text,text,site,text,text,integer)'),
	('routine', 'patching_sweep(text,text,site,text,text,text)'),
	('routine', 'lm_internal.exact_sum(vector)'),
	('routine', 'lm_internal.array_sum(double precision[])'),
	('routine', 'lm_internal.power_above(double precision)'),
	('routine', 'lm_internal.slices(vector[],vector[],vector[])'),
	('routine', 'lm_internal.exact_products(vector[],vector[],vector[])'),
	('routine', 'ols_moments(observation[])'),
	('routine', 'lm_internal.are_moments(bigint,double precision[],double precision[])'),
	('routine', 'pool_moments(moments[])'),
	('routine', 'student_t_p(double precision,double precision)'),
	('routine', 'benjamini_hochberg(double precision[])'),
	('routine', 'lm_internal.subtract_pivot(double precision[],double precision[],double precision[],integer)'),
	('routine', 'lm_internal.eliminated(double precision[],double precision[],integer)'),
	('routine', 'lm_internal.add_row(double precision[],double precision[])'),
	('routine', 'lm_internal.echelon(double precision[])'),
	('routine', 'ols(moments[])'),
	('routine', 'ols(observation[])'),
	('routine', 'lm_internal.same_model(bigint[])'),
	('routine', 'lag_ols(bigint[])'),
	('routine', 'lag_diagnostics(bigint[])'),
	('routine', 'lag_rows(bigint[],integer)'),
	('routine', 'lm_internal.write_ranges(int8multirange)'),
	('routine', 'lm_internal.read_ranges(text)'),
	('routine', 'lm_internal.check_which(text)'),
	('routine', 'lm_internal.numbered_runs(text,text)'),
	('routine', 'select_runs(text,text)'),
	('routine', 'lm_internal.vector_row_bytes(double precision)'),
	('routine', 'capture_bytes(integer[],text,text[],integer[],integer[],integer)'),
	('routine', 'latest_run(site)'),
	('routine', 'named_runs(text,text)'),
	('routine', 'lm_internal.carried_interventions(text,integer,text)'),
	('routine', 'lm_internal.same_numbers(integer[],integer[])'),
	('routine', 'find_runs(text[],text,text[],text,integer[],integer[])'),
	('routine', 'forward_once(text[],text,text[],text,integer[],integer[])'),
	('routine', 'head_scores(bigint,boolean,boolean)'),
	('routine', 'attention_share(bigint[],text,text)'),
	('routine', 'lm_internal.run_model(bigint)'),
	('routine', 'lm_internal.check_token(integer,bigint)'),
	('routine', 'lm_internal.highest(real[])'),
	('routine', 'lm_internal.final_site(site[])'),
	('routine', 'final_logits(bigint,integer[])'),
	('routine', 'surprise(bigint[])'),
	('routine', 'surprise(bigint)'),
	('routine', 'perplexity(bigint[])'),
	('routine', 'perplexity(bigint)'),
	('routine', 'lens_logits(bigint,integer,site)'),
	('routine', 'logit_lens(bigint,integer,integer,site)'),
	('routine', 'lens_trajectory(bigint,integer,integer,site)'),
	('routine', 'lens_trajectory(bigint,text,integer,site)'),
	('routine', 'predictions(bigint,integer)'),
	('routine', 'lens_grid(bigint,integer,site,integer[])'),
	('routine', 'lm_internal.centred(vector,boolean)'),
	('routine', 'lm_internal.norm_scale(vector,double precision,boolean)'),
	('routine', 'head_results(bigint,integer)'),
	('routine', 'logit_attribution(bigint,integer,integer,integer)'),
	('routine', 'logit_attribution(bigint,text,text,integer)'),
	('routine', 'nearest_tokens(vector,integer,text)'),
	('routine', 'lm_internal.site_width(site,text)'),
	('routine', 'lm_internal.vector_schema()'),
	('routine', 'lm_internal.activation_source(site,integer,integer)'),
	('routine', 'nearest_activations(vector,site,integer,integer,integer,text)'),
	('routine', 'index_activations(site,integer,integer,text)'),
	('routine', 'unit_effects(site,text,text,text)'),
	('routine', 'help(text)'),
	('table', 'model'),
	('table', 'tokenizer'),
	('table', 'vocabulary'),
	('table', 'added_token'),
	('table', 'merge'),
	('table', 'token_embedding'),
	('table', 'unembedding'),
	('table', 'linear'),
	('table', 'position_embedding'),
	('table', 'layer_norm'),
	('table', 'layer'),
	('table', 'rotary'),
	('table', 'verification'),
	('table', 'installation'),
	('table', 'installed_object'),
	('table', 'run'),
	('table', 'run_token'),
	('table', 'attention_adjustment'),
	('table', 'activation'),
	('table', 'logit'),
	('table', 'tag'),
	('table', 'patching_sweep'),
	('table', 'patching_effect'),
	('table', 'generation'),
	('table', 'attention_cache'),
	('table', 'intervention_set'),
	('table', 'intervention'),
	('view', 'progress'),
	('view', 'model_site'),
	('type', 'lm_internal.change'),
	('type', 'lm_internal.here'),
	('type', 'lm_internal.matrix'),
	('view', 'token'),
	('view', 'captured'),
	('view', 'model_storage'),
	('view', 'run_storage'),
	('view', 'table_storage'),
	('type', 'lm_internal.draw'),
	('type', 'observation'),
	('type', 'moments'),
	('view', 'adjustment_norm'),
	('view', 'lag_design'),
	('view', 'token_tag'),
	('view', 'lm_internal.whole_run'),
	('view', 'run_summary'),
	('view', 'activation_array'),
	('view', 'adjustment_array'),
	('view', 'embedding_array'),
	('view', 'lm_internal.carried_vector'),
	('view', 'attention_pattern'),
	('view', 'residual_norm'),
	('view', 'residual_cosine'),
	('enum', 'site'),
	('enum', 'normalizer'),
	('enum', 'space_before'),
	('enum', 'cut'),
	('enum', 'token_kind');

INSERT INTO lm.intervention VALUES
	('half', 1, 'attn_out', 1, NULL, NULL, NULL, 'scale', 0.5, NULL, NULL, NULL),
	('cut', 2, 'attn_scores', 0, 1, 2, 0, 'knockout', NULL, NULL, NULL, NULL),
	('swap', 3, 'attn_out', 0, NULL, 1, NULL, 'replace', NULL, NULL, 2, NULL);

INSERT INTO lm.intervention_set VALUES
	('swap', 'postgres'),
	('half', 'postgres'),
	('cut', 'postgres');

INSERT INTO lm.layer VALUES
	(1, 0, NULL, NULL),
	(1, 1, NULL, NULL);

INSERT INTO lm.layer_norm VALUES
	(1, 0, 'ln1', '[0.99,0.99,1,1,1.02,1.03,1.01,1.01]', '[0.03,-0.01,-0,0.01,0,0.01,-0.01,0.02]'),
	(1, 0, 'ln2', '[1,1.02,1,1,1.02,0.97,1,1.03]', '[-0.02,0.01,0,0.01,0.01,-0,0.02,-0.01]'),
	(1, 1, 'ln1', '[1,0.98,0.99,1.01,1.02,0.98,1,0.98]', '[-0,-0.03,-0.03,0,0.01,0.01,-0.01,-0]'),
	(1, 1, 'ln2', '[1,1.01,1,1.04,1.01,1.01,1,0.98]', '[0.03,-0.02,-0.01,0,0.02,0,-0.02,-0.04]'),
	(1, 2, 'ln_final', '[1,1.01,0.96,1.04,1,1.02,1.02,1.02]', '[0.03,-0,-0.03,0,-0.03,-0.05,0.01,-0]');

INSERT INTO lm.linear_1 VALUES
	(1, 0, 'q', 0, 0, 0.59, '[0.42,0.72,0.26,1.11,-0.22,0.42,0.08,-0.02]', NULL),
	(1, 0, 'q', 0, 1, -0.31, '[-0.34,-0.86,-0.69,-0.76,0.43,-0.06,-0.2,-0.3]', NULL),
	(1, 0, 'q', 0, 2, 0.48, '[0.43,0.11,0.11,-0.23,0.23,-0.24,0.45,-0.16]', NULL),
	(1, 0, 'q', 0, 3, 0.02, '[-0.04,-0.13,0.46,0.14,-0.59,-0.4,0.18,-0.29]', NULL),
	(1, 0, 'q', 0, 4, 0.48, '[-0.8,-0.05,0.22,-0.18,0.05,0.48,0.44,-0.18]', NULL),
	(1, 0, 'q', 0, 5, 0.17, '[-0,0.17,0.01,-0.71,-0.21,-0.71,-0.11,0.06]', NULL),
	(1, 0, 'q', 0, 6, -0.76, '[-0.65,0.33,0.43,0.49,0.08,0.14,-0.03,0.49]', NULL),
	(1, 0, 'q', 0, 7, 0.18, '[0,-0.48,-0.17,0.12,0.3,-0.49,0.56,0.28]', NULL),
	(1, 0, 'k', 0, 0, 0.43, '[-0.45,-0.05,0.14,0.56,0.28,-0.25,-0.11,0.47]', NULL),
	(1, 0, 'k', 0, 1, -0.28, '[0.19,0.06,-0.81,-0.09,0.46,-0.18,-0.58,-0.17]', NULL),
	(1, 0, 'k', 0, 2, 0.19, '[0.04,-0.19,-0.24,0.47,-0.6,0.57,0.31,0.02]', NULL),
	(1, 0, 'k', 0, 3, -0.05, '[-0.01,-0.11,0.35,0.75,0.21,0.4,0.03,-0.18]', NULL),
	(1, 0, 'k', 0, 4, -0.69, '[-0.23,-0.23,-0.03,0.45,-0.13,0.11,0.21,-0.42]', NULL),
	(1, 0, 'k', 0, 5, -0.5, '[-0.34,0.73,-0.35,-0.19,0.42,-0.27,0.39,-0.12]', NULL),
	(1, 0, 'k', 0, 6, 0.45, '[-0.4,-0.07,-0,-0.61,0.39,-0.23,0.25,-0.13]', NULL),
	(1, 0, 'k', 0, 7, 0.43, '[-0.49,0.08,0.72,-0.16,0.13,0.43,-0.38,0.56]', NULL),
	(1, 0, 'v', 0, 0, 0.56, '[0.63,-0.5,-0.3,-0.41,0.02,-0.11,-0.43,0.34]', NULL),
	(1, 0, 'v', 0, 1, 0.69, '[0.77,0.54,0.28,-0.01,-0.43,0.61,0.32,-0.3]', NULL),
	(1, 0, 'v', 0, 2, 0.12, '[0.77,-0.17,-0.27,0.07,-0.44,-0.34,-0.08,-0.66]', NULL),
	(1, 0, 'v', 0, 3, 0.41, '[-0.02,-0.28,-0.7,-0.08,-0.99,-0.14,0.24,-0.45]', NULL),
	(1, 0, 'v', 0, 4, 0.29, '[0.29,0.17,0.14,0.06,-0.59,-0.45,-0.45,-0.66]', NULL),
	(1, 0, 'v', 0, 5, -0.08, '[-0.43,0.81,0.25,-0.4,-0.25,0.25,-0.14,0.22]', NULL),
	(1, 0, 'v', 0, 6, -0.19, '[-0.3,0.29,-0.01,0.23,0.23,0.13,-0.01,-0.51]', NULL),
	(1, 0, 'v', 0, 7, -0.88, '[-0.17,-0.55,-0.18,0.48,-0.08,0.23,0.28,0.07]', NULL),
	(1, 0, 'attn_out', 0, 0, 0.34, '[-0.01,-0.19,-0.19,0.21,0.02,-0.17,0.21,0.01]', NULL),
	(1, 0, 'attn_out', 0, 1, -0.04, '[0.16,-0.25,0.01,-0.48,-0.12,-0.01,-0.03,0.03]', NULL),
	(1, 0, 'attn_out', 0, 2, 0.09, '[0.06,0.2,-0.03,0.28,-0.44,-0.16,-0.23,-0.24]', NULL),
	(1, 0, 'attn_out', 0, 3, -0.84, '[-0.02,-0.19,0.02,0.08,0.13,0.06,0.19,0.18]', NULL),
	(1, 0, 'attn_out', 0, 4, 0.45, '[-0.16,-0.17,-0.01,-0.29,0.07,0.13,-0.27,-0.17]', NULL),
	(1, 0, 'attn_out', 0, 5, -0.87, '[-0.03,0.01,-0.15,0.22,-0.21,-0.17,-0.12,-0.21]', NULL),
	(1, 0, 'attn_out', 0, 6, -0.24, '[0.02,-0.2,0.17,0.07,-0.39,0.25,-0.08,0.41]', NULL),
	(1, 0, 'attn_out', 0, 7, -0.45, '[-0.01,0.35,-0.11,0.21,0.15,0.13,-0.14,-0.18]', NULL),
	(1, 0, 'mlp_pre', 0, 0, -0.32, '[0.11,0.43,-0.11,0.53,0.06,-0.25,0.48,-0.66]', NULL),
	(1, 0, 'mlp_pre', 0, 1, 0.84, '[0.18,-0.89,0.2,-0.68,0.06,0.28,-0.46,0.85]', NULL),
	(1, 0, 'mlp_pre', 0, 2, -0.49, '[-0.05,0.3,-0.23,-0.18,-0.65,-0.07,-0.24,0.32]', NULL),
	(1, 0, 'mlp_pre', 0, 3, 0.14, '[0.26,0.29,0.22,0.43,-0.48,-0.56,-0.18,0.38]', NULL),
	(1, 0, 'mlp_pre', 0, 4, 0.07, '[0.44,0.14,-0.14,0.33,-0.49,-0.42,-0.43,0.27]', NULL),
	(1, 0, 'mlp_pre', 0, 5, 0.69, '[0.1,0.3,0.06,-0.52,0.32,0.13,-0.23,-0.13]', NULL),
	(1, 0, 'mlp_pre', 0, 6, 0.26, '[-0.26,-0.37,-0.31,-0.46,-0.45,0.15,-0.04,-0.35]', NULL),
	(1, 0, 'mlp_pre', 0, 7, 0.39, '[0.2,0.78,-0.23,-1.03,-0.49,-0.18,-0.58,0.52]', NULL),
	(1, 0, 'mlp_pre', 0, 8, -0.44, '[0.4,0.36,-0.18,0.3,0.08,0.11,0.13,-0.68]', NULL),
	(1, 0, 'mlp_pre', 0, 9, 0.2, '[0.65,-0.77,0.68,0.68,0.16,0.09,-0.47,0.08]', NULL),
	(1, 0, 'mlp_pre', 0, 10, 0.43, '[-0.07,-0.04,-0.54,-0.11,-0.25,-0.32,-0.01,-0.05]', NULL),
	(1, 0, 'mlp_pre', 0, 11, -0.23, '[-0.26,0.54,-0.27,-0.96,-0.24,-0.24,0.24,-0.31]', NULL),
	(1, 0, 'mlp_pre', 0, 12, -0.65, '[-0.17,-0.32,-0.16,0.22,-0.07,0.21,-0.49,0.72]', NULL),
	(1, 0, 'mlp_pre', 0, 13, -0.72, '[-0.19,0.11,0.2,-0.14,-0.23,-0.08,0.29,-0.27]', NULL),
	(1, 0, 'mlp_pre', 0, 14, -0.48, '[-0.09,0.01,0.45,-0.27,0.86,0.3,-0.45,0.14]', NULL),
	(1, 0, 'mlp_pre', 0, 15, -0.51, '[1.08,0.67,-0.17,0.14,0.54,0.23,0.17,0.08]', NULL),
	(1, 0, 'mlp_pre', 0, 16, 0.25, '[0.53,-0.04,-0.61,-0.7,0.35,0.26,0.14,-0.04]', NULL),
	(1, 0, 'mlp_pre', 0, 17, 0.38, '[-0.67,-0.02,0.01,-0.48,0.38,0.61,0.02,0.84]', NULL),
	(1, 0, 'mlp_pre', 0, 18, 0.5, '[-0.12,0.26,-0.22,0.13,-0.48,0.11,0.59,0.07]', NULL),
	(1, 0, 'mlp_pre', 0, 19, -0.16, '[-0.29,0.17,0.7,-0,1.01,-0.17,-0.65,0.07]', NULL),
	(1, 0, 'mlp_pre', 0, 20, 0.6, '[0.35,0.14,-0.31,-0.28,0.36,0.31,-0.49,-1.26]', NULL),
	(1, 0, 'mlp_pre', 0, 21, 0.13, '[0.98,-0.04,0.03,-0.13,0.09,-0.31,-0.12,-0.23]', NULL),
	(1, 0, 'mlp_pre', 0, 22, 0.59, '[-0.54,-0.07,-0.32,-0.35,0.12,0.34,-0.07,-0.34]', NULL),
	(1, 0, 'mlp_pre', 0, 23, 0.62, '[0.36,-0.08,0.68,0.22,0.11,0.16,-0.19,-0.56]', NULL),
	(1, 0, 'mlp_pre', 0, 24, 0.27, '[0.06,-0.27,0.03,-0.06,0.41,0.14,-0.39,0.56]', NULL),
	(1, 0, 'mlp_pre', 0, 25, 0.64, '[0.23,0.1,0.76,0.35,0.45,0.48,0.1,-0.24]', NULL),
	(1, 0, 'mlp_pre', 0, 26, 0.22, '[-0.28,-0.23,-0.44,0.54,-0.38,-0.48,-0.18,-0.1]', NULL),
	(1, 0, 'mlp_pre', 0, 27, 0.33, '[-0.67,0.15,-0.79,0.1,0.48,0.66,-0.48,-0.16]', NULL),
	(1, 0, 'mlp_pre', 0, 28, -0.17, '[0.52,0.4,-0.01,-0,0.27,0,0.1,0.14]', NULL),
	(1, 0, 'mlp_pre', 0, 29, 0.54, '[-0.15,0.57,0.35,0.46,-0.9,-0.42,-0.18,0.55]', NULL),
	(1, 0, 'mlp_pre', 0, 30, 0.71, '[0.36,0.04,-0.06,-0.45,-0.69,0.09,0.42,-0.21]', NULL),
	(1, 0, 'mlp_pre', 0, 31, -0.1, '[-0.12,0.41,0.2,0.37,0.27,-0.05,0.67,-0.47]', NULL),
	(1, 0, 'mlp_out', 0, 0, -0.41, '[0.04,-0.13,0.2,-0.08,-0.32,-0.29,-0.01,0.24]', NULL),
	(1, 0, 'mlp_out', 0, 1, -0.7, '[0.15,-0.43,-0.03,0.15,-0.39,0.16,0.22,-0.17]', NULL),
	(1, 0, 'mlp_out', 0, 2, -0.03, '[0.01,0.18,0.14,-0.25,0.03,-0.21,0.17,-0.29]', NULL),
	(1, 0, 'mlp_out', 0, 3, -0.09, '[0.16,0.09,-0.01,-0.02,-0.13,-0.01,0.26,-0.27]', NULL),
	(1, 0, 'mlp_out', 0, 4, -0.1, '[0.08,0.07,0.04,0.1,-0.45,-0.1,-0.15,-0.19]', NULL),
	(1, 0, 'mlp_out', 0, 5, 0.01, '[0.16,-0.04,-0.08,0.2,0.08,-0.09,-0.19,-0.32]', NULL),
	(1, 0, 'mlp_out', 0, 6, 0.01, '[-0.08,0.08,-0.07,-0.01,0.13,-0.46,-0.05,0.14]', NULL),
	(1, 0, 'mlp_out', 0, 7, 0.09, '[-0.08,-0.23,0.06,-0.08,0.04,0.07,0.06,0.17]', NULL),
	(1, 0, 'mlp_out', 1, 0, 0, '[0.28,0.22,0.04,-0.05,0.05,-0.37,-0.02,0.09]', NULL),
	(1, 0, 'mlp_out', 1, 1, 0, '[-0.21,0.35,-0.01,0.12,0.42,-0.1,-0.12,-0.04]', NULL),
	(1, 0, 'mlp_out', 1, 2, 0, '[0.48,-0.11,0.1,-0.18,-0.02,0.34,-0.55,0.14]', NULL),
	(1, 0, 'mlp_out', 1, 3, 0, '[0.24,-0.01,0.01,0.2,-0.13,0.07,-0.49,0.34]', NULL),
	(1, 0, 'mlp_out', 1, 4, 0, '[0.29,0.17,0.33,0.17,0.12,-0.04,-0.3,-0.18]', NULL),
	(1, 0, 'mlp_out', 1, 5, 0, '[-0.23,-0.31,-0.05,-0.45,-0.37,-0.16,0.14,0.19]', NULL),
	(1, 0, 'mlp_out', 1, 6, 0, '[0.28,-0.13,-0.28,0.27,-0.07,-0.06,-0.16,0.04]', NULL),
	(1, 0, 'mlp_out', 1, 7, 0, '[0.37,0.08,-0.14,-0.09,0.13,-0.13,-0.34,0.02]', NULL),
	(1, 0, 'mlp_out', 2, 0, 0, '[0.02,-0.14,-0.36,0.19,-0,-0.01,-0.08,0.28]', NULL),
	(1, 0, 'mlp_out', 2, 1, 0, '[0.19,-0.07,-0.38,-0.03,-0.03,0.07,0.16,0.18]', NULL),
	(1, 0, 'mlp_out', 2, 2, 0, '[-0.09,-0.34,0.28,-0.33,-0.42,-0.22,0.05,-0.26]', NULL),
	(1, 0, 'mlp_out', 2, 3, 0, '[0.02,0.03,0.18,0.37,-0.08,0,-0.28,-0]', NULL),
	(1, 0, 'mlp_out', 2, 4, 0, '[0.01,-0.12,0.19,0.03,-0.12,0.43,-0.22,-0.12]', NULL),
	(1, 0, 'mlp_out', 2, 5, 0, '[0.14,-0.19,0.14,0.24,-0.07,0.03,0.02,0.07]', NULL),
	(1, 0, 'mlp_out', 2, 6, 0, '[-0.33,0.13,-0.22,0.35,-0.11,-0.06,-0.16,-0.31]', NULL),
	(1, 0, 'mlp_out', 2, 7, 0, '[0.46,0.13,0.15,-0.33,-0.04,-0.04,-0.01,0.26]', NULL),
	(1, 0, 'mlp_out', 3, 0, 0, '[0.26,0.38,0.24,-0.05,-0.16,-0.07,-0.02,-0]', NULL),
	(1, 0, 'mlp_out', 3, 1, 0, '[0.13,0.27,0.07,-0.28,0.02,0.1,-0.36,-0.24]', NULL),
	(1, 0, 'mlp_out', 3, 2, 0, '[-0.01,-0.33,-0.14,0.23,0.33,0.13,0.26,0.32]', NULL),
	(1, 0, 'mlp_out', 3, 3, 0, '[-0.11,0.18,0.01,-0.31,0.01,0.26,0.26,-0.09]', NULL),
	(1, 0, 'mlp_out', 3, 4, 0, '[-0.19,-0.16,0.11,0.16,-0.17,-0.16,0.04,-0.23]', NULL),
	(1, 0, 'mlp_out', 3, 5, 0, '[0.26,0.17,0.14,0.04,0.3,0.02,-0.26,0.03]', NULL),
	(1, 0, 'mlp_out', 3, 6, 0, '[0.35,0.17,0.02,0.06,-0.13,-0.3,-0.01,-0.07]', NULL),
	(1, 0, 'mlp_out', 3, 7, 0, '[0.06,0.04,-0.31,0.33,-0.31,-0.05,-0.04,0.21]', NULL),
	(1, 1, 'q', 0, 0, 0.34, '[0.04,-0.85,-0.17,-0.06,0.2,0.36,-0.44,-0.22]', NULL),
	(1, 1, 'q', 0, 1, -0.56, '[-0.13,-0.4,-0.28,0.1,0.51,0.48,0.61,0.74]', NULL),
	(1, 1, 'q', 0, 2, 0.06, '[-0.03,0.4,-0.61,-0.51,-0.52,0.58,0.04,-0.34]', NULL),
	(1, 1, 'q', 0, 3, -0.15, '[-0.2,-0.09,0.44,1.25,0.71,0.17,-0.91,-0.21]', NULL),
	(1, 1, 'q', 0, 4, -0.29, '[0.54,0.46,-0.38,0.37,-0.21,-0.08,-0.28,-0.06]', NULL),
	(1, 1, 'q', 0, 5, -0.29, '[-0.2,-0.31,-0.4,0.21,0.14,0.62,0.67,0.18]', NULL),
	(1, 1, 'q', 0, 6, 0.33, '[-0.61,0.09,0.15,0.43,-0.08,0.25,-0.89,0.29]', NULL),
	(1, 1, 'q', 0, 7, -0.11, '[0.6,-0.06,0.13,-0.06,0.35,0.19,-0.15,0.29]', NULL),
	(1, 1, 'k', 0, 0, 0.13, '[0.52,0.52,-0.11,0.42,0.13,0.01,-0.21,0.76]', NULL),
	(1, 1, 'k', 0, 1, -0.13, '[0.41,-0.63,0.07,-0.59,0.23,0.58,-0.46,-0.04]', NULL),
	(1, 1, 'k', 0, 2, 0.23, '[0.11,0.43,0.16,0.28,0.25,0.14,-0.67,0.04]', NULL),
	(1, 1, 'k', 0, 3, -0.91, '[0.12,0.69,-0.35,-0.04,-0.05,1.08,0.11,-0.07]', NULL),
	(1, 1, 'k', 0, 4, -0.52, '[-0.74,0.09,-0.28,0.19,-0.5,-0.03,0.11,0.02]', NULL),
	(1, 1, 'k', 0, 5, 0.55, '[-0.52,-0.24,-0.39,0.01,0.2,-0.1,-0.65,-0.01]', NULL),
	(1, 1, 'k', 0, 6, 0.38, '[-0.29,0.07,-0.74,-0.48,-0.08,0.72,0.67,0.55]', NULL),
	(1, 1, 'k', 0, 7, -0.52, '[0.22,0.31,0.02,-0.1,-0.56,0.06,0.07,0.72]', NULL),
	(1, 1, 'v', 0, 0, 0.2, '[-0.51,-0.08,-0.02,0.15,-0.58,-0.01,-0.22,0.54]', NULL),
	(1, 1, 'v', 0, 1, 0.02, '[0.04,-0.17,-0.07,-0.25,0.34,0.02,0.32,-0.85]', NULL),
	(1, 1, 'v', 0, 2, -0.31, '[0.24,-0.12,-0.54,0.11,-0.08,0.02,0.66,-0.14]', NULL),
	(1, 1, 'v', 0, 3, 0.25, '[-0.14,-0.18,0.25,0.27,0.34,0.29,0.31,0.32]', NULL),
	(1, 1, 'v', 0, 4, -0.46, '[-0.2,-0.44,-0.23,-0.25,0.11,0.36,0.33,0.08]', NULL),
	(1, 1, 'v', 0, 5, 0.16, '[0.24,0.23,0.27,0.42,0.11,0.16,-0.05,-0.03]', NULL),
	(1, 1, 'v', 0, 6, 0.15, '[-0.3,0.16,0.1,0.23,-0.58,-0.05,-0.09,-0.07]', NULL),
	(1, 1, 'v', 0, 7, -0.34, '[-1.12,0.06,-0.11,-0.08,-0.9,-0.11,0.75,-0.31]', NULL),
	(1, 1, 'attn_out', 0, 0, 0.69, '[0,-0.03,-0.21,0.15,0.11,-0.14,0.25,-0.09]', NULL),
	(1, 1, 'attn_out', 0, 1, 0.66, '[0.19,-0.24,0.02,0,0.45,0.3,0,-0.33]', NULL),
	(1, 1, 'attn_out', 0, 2, 0.59, '[0.18,0.06,0.26,0.13,-0.01,0.16,0.02,-0.01]', NULL),
	(1, 1, 'attn_out', 0, 3, -0.02, '[0.16,-0.02,-0.11,-0.13,-0.11,-0.2,0.2,0.01]', NULL),
	(1, 1, 'attn_out', 0, 4, 0.17, '[-0.01,-0.11,0.08,0.01,0.44,0.06,-0.31,0.06]', NULL),
	(1, 1, 'attn_out', 0, 5, 0.17, '[-0.28,0.12,0.14,0.24,-0.16,-0.15,-0.01,0.01]', NULL),
	(1, 1, 'attn_out', 0, 6, 0.33, '[-0.32,-0.14,-0.14,0.03,-0.1,-0,-0.11,0.11]', NULL),
	(1, 1, 'attn_out', 0, 7, -0.34, '[0.21,0.13,0.22,0.17,-0.04,0.1,-0.18,0.09]', NULL),
	(1, 1, 'mlp_pre', 0, 0, 0.42, '[0.09,0.55,-0.98,0.36,-0.21,-0.74,-0.19,-0.2]', NULL),
	(1, 1, 'mlp_pre', 0, 1, -0.48, '[0.2,-0.02,0.25,-0.12,-0.14,-0.1,-0.33,0.16]', NULL),
	(1, 1, 'mlp_pre', 0, 2, 0.63, '[0.12,-0.01,-0.5,0.28,0.09,-0.13,-0.34,0.33]', NULL),
	(1, 1, 'mlp_pre', 0, 3, 0.03, '[0.29,0.02,0.21,0.06,-0.37,-0.18,0.01,0.41]', NULL),
	(1, 1, 'mlp_pre', 0, 4, 0.44, '[-0.03,-0.25,-0.37,-0.07,0.59,-0,0.55,0.69]', NULL),
	(1, 1, 'mlp_pre', 0, 5, -0.16, '[-0.25,0.47,-0.45,-0.59,-0.23,0.38,0.55,0.05]', NULL),
	(1, 1, 'mlp_pre', 0, 6, 0.45, '[-0.59,-0.83,0.17,0.05,-0.14,-0.15,-0.2,-0.27]', NULL),
	(1, 1, 'mlp_pre', 0, 7, -0.41, '[-0.25,-0.41,0.13,0.36,0.09,0.23,0.89,-0.04]', NULL),
	(1, 1, 'mlp_pre', 0, 8, -0.77, '[0.2,0.66,0.11,0.33,0.21,-0.16,-0.21,-0.48]', NULL),
	(1, 1, 'mlp_pre', 0, 9, 0.11, '[0.21,0.22,0.14,-0.23,-0.18,-0.07,0.36,0.12]', NULL),
	(1, 1, 'mlp_pre', 0, 10, 0.05, '[0.03,-0.21,-0.17,-0.39,-0.38,-0.97,0.03,-0.27]', NULL),
	(1, 1, 'mlp_pre', 0, 11, 0.52, '[-0.18,0.45,-0.74,0.01,0.42,-0.35,-0.42,0.52]', NULL),
	(1, 1, 'mlp_pre', 0, 12, -0.03, '[0.11,-0.29,-0,-0.34,0.75,0.57,-0.24,0.21]', NULL),
	(1, 1, 'mlp_pre', 0, 13, -0.25, '[-0.56,0.01,-0.16,0.23,-0.03,1.08,0.47,0.29]', NULL),
	(1, 1, 'mlp_pre', 0, 14, -0.79, '[0.16,0.14,0.46,-0.45,-0.03,0.19,0.55,-0.21]', NULL),
	(1, 1, 'mlp_pre', 0, 15, 0.55, '[0.42,-0.54,-0.44,0.49,-0.01,-0.08,0.34,0.32]', NULL),
	(1, 1, 'mlp_pre', 0, 16, 0.03, '[-0.19,0.2,-0.16,0.11,-0.02,0.59,0.21,-0.28]', NULL),
	(1, 1, 'mlp_pre', 0, 17, -0.5, '[-0.68,-0.23,-0.09,0.93,-0.18,0.92,0.12,-0.34]', NULL),
	(1, 1, 'mlp_pre', 0, 18, 0.24, '[0.21,-0.03,0.06,-0.1,-0.53,-0.6,0.16,0.37]', NULL),
	(1, 1, 'mlp_pre', 0, 19, 0.43, '[-0.4,-0.27,0.44,-0.23,-0.18,0.63,-0.1,0.19]', NULL),
	(1, 1, 'mlp_pre', 0, 20, -0.49, '[0.49,-0.01,-0.7,0.44,0.1,0.45,0.2,0.08]', NULL),
	(1, 1, 'mlp_pre', 0, 21, 0, '[0.59,-0.1,-0.03,-0.37,0.1,0.12,-0.22,-0.1]', NULL),
	(1, 1, 'mlp_pre', 0, 22, 0.14, '[0.27,0.12,-0.59,-0.88,0.32,-0.46,0.13,0.3]', NULL),
	(1, 1, 'mlp_pre', 0, 23, 0.37, '[-0.04,0.08,0.17,0.54,-0.56,-0.01,0.59,0.03]', NULL),
	(1, 1, 'mlp_pre', 0, 24, 0.01, '[0.29,-0.1,-0.31,-0.66,-0.48,0.54,0.45,0.26]', NULL),
	(1, 1, 'mlp_pre', 0, 25, 0.41, '[0.31,-0.07,0.07,-0.26,0.13,-0.44,-0.58,-0.02]', NULL),
	(1, 1, 'mlp_pre', 0, 26, 0.5, '[0.16,0.1,0.56,-0.33,0.41,0.5,-0.33,-0.09]', NULL),
	(1, 1, 'mlp_pre', 0, 27, 0.61, '[-0.44,0.02,0.5,0.09,-0.38,0.07,-0.07,-0.02]', NULL),
	(1, 1, 'mlp_pre', 0, 28, 0.07, '[-0.39,0,-0.43,0.39,-0.41,0.02,-0.29,-0.63]', NULL),
	(1, 1, 'mlp_pre', 0, 29, -0.41, '[0.37,0.63,0.14,-0.47,-0.15,0.88,0.1,-0.41]', NULL),
	(1, 1, 'mlp_pre', 0, 30, 0.01, '[-0.23,0,-0.14,0.29,0.37,0.56,0.46,-0]', NULL),
	(1, 1, 'mlp_pre', 0, 31, -0.22, '[-0.93,0.57,-0.58,0.18,-0.47,-0.34,-0.26,-0.12]', NULL),
	(1, 1, 'mlp_out', 0, 0, -0.12, '[0.33,-0.21,0.09,0.22,-0.34,-0.2,-0.12,0.39]', NULL),
	(1, 1, 'mlp_out', 0, 1, -0.74, '[-0.29,-0.13,0.13,0.11,0.44,0.38,0.15,-0.18]', NULL),
	(1, 1, 'mlp_out', 0, 2, -0.96, '[0.03,-0.27,-0.09,0.1,0.07,-0.1,0.18,-0.12]', NULL),
	(1, 1, 'mlp_out', 0, 3, -0.57, '[0.33,0.2,-0.37,-0.19,0.09,0.16,0.12,0.14]', NULL),
	(1, 1, 'mlp_out', 0, 4, -0.1, '[0.12,0.04,-0.11,-0.12,-0.05,-0.2,-0.17,0.37]', NULL),
	(1, 1, 'mlp_out', 0, 5, -0.22, '[0.04,0.47,0.23,0.06,0.06,0.08,0.27,-0.11]', NULL),
	(1, 1, 'mlp_out', 0, 6, 0.42, '[0.01,0.02,0.27,-0.05,-0.08,-0.32,-0.28,0.24]', NULL),
	(1, 1, 'mlp_out', 0, 7, -0.46, '[-0.3,0,0.26,-0.26,0.11,-0.27,-0.18,0.06]', NULL),
	(1, 1, 'mlp_out', 1, 0, 0, '[0.05,-0.48,0.09,-0.15,-0.05,0.13,0.27,-0.04]', NULL),
	(1, 1, 'mlp_out', 1, 1, 0, '[0.15,0.14,0.02,0.05,0.02,0.34,0.01,-0.09]', NULL),
	(1, 1, 'mlp_out', 1, 2, 0, '[-0.09,0.27,0.09,0.11,-0.23,0.27,-0.03,-0.11]', NULL),
	(1, 1, 'mlp_out', 1, 3, 0, '[0.28,0.24,-0.27,0.01,0.1,-0.06,-0.31,0.04]', NULL),
	(1, 1, 'mlp_out', 1, 4, 0, '[0.21,-0.12,-0.57,-0.34,-0.19,0.28,0.09,0.3]', NULL),
	(1, 1, 'mlp_out', 1, 5, 0, '[-0.24,0.02,-0.02,-0.21,0.04,-0.12,0.36,-0.06]', NULL),
	(1, 1, 'mlp_out', 1, 6, 0, '[-0.09,0,0.19,0.01,-0.25,0.02,0.21,-0.2]', NULL),
	(1, 1, 'mlp_out', 1, 7, 0, '[-0.11,-0.14,0.03,-0.02,-0.21,0.23,-0.33,0.05]', NULL),
	(1, 1, 'mlp_out', 2, 0, 0, '[0.39,0.2,0,-0.09,-0.12,0.14,-0.08,-0.08]', NULL),
	(1, 1, 'mlp_out', 2, 1, 0, '[-0.11,0.11,-0.3,0.04,0.02,0.22,0.02,-0.01]', NULL),
	(1, 1, 'mlp_out', 2, 2, 0, '[-0.24,-0.37,-0.17,-0.1,-0.09,-0.1,0.21,-0.01]', NULL),
	(1, 1, 'mlp_out', 2, 3, 0, '[0.06,-0.01,-0.04,0.02,0.25,0.05,0.12,0.07]', NULL),
	(1, 1, 'mlp_out', 2, 4, 0, '[0.08,-0.03,0.25,-0.03,-0.19,0.26,-0.29,-0.17]', NULL),
	(1, 1, 'mlp_out', 2, 5, 0, '[-0.23,-0.08,0.18,-0.23,0.07,-0.28,0.23,-0.12]', NULL),
	(1, 1, 'mlp_out', 2, 6, 0, '[0.23,0.26,0.15,-0.2,0.03,-0.09,0.11,0.16]', NULL),
	(1, 1, 'mlp_out', 2, 7, 0, '[0.15,-0.38,-0.13,-0.16,0.26,-0.05,0.27,0.02]', NULL),
	(1, 1, 'mlp_out', 3, 0, 0, '[0.54,-0.12,-0.32,-0.13,0.18,-0,-0.17,-0.27]', NULL),
	(1, 1, 'mlp_out', 3, 1, 0, '[0.03,0.23,0.13,-0.12,-0.01,0.02,-0.19,0.09]', NULL),
	(1, 1, 'mlp_out', 3, 2, 0, '[-0.16,-0.1,0.06,-0.1,0.31,0.18,-0.16,0.3]', NULL),
	(1, 1, 'mlp_out', 3, 3, 0, '[-0.2,0.22,-0.09,0.04,0.06,0.3,0.29,-0.29]', NULL),
	(1, 1, 'mlp_out', 3, 4, 0, '[-0.12,-0.04,0,0.12,-0.2,-0.31,0.03,0.23]', NULL),
	(1, 1, 'mlp_out', 3, 5, 0, '[-0.05,0.02,0.07,-0,-0.11,0.26,0.16,-0.04]', NULL),
	(1, 1, 'mlp_out', 3, 6, 0, '[0.16,0.03,0.43,-0.03,-0.03,0.15,0.21,0.18]', NULL),
	(1, 1, 'mlp_out', 3, 7, 0, '[-0.15,0.16,0.3,-0.52,0.03,-0.23,-0.22,0.03]', NULL);

INSERT INTO lm.logit VALUES
	(1, 0, 224, 3.193514823913574),
	(1, 0, 92, 3.186441421508789),
	(1, 0, 202, 3.0120484828948975),
	(1, 0, 80, 2.960867166519165),
	(1, 0, 77, 2.9458277225494385),
	(1, 0, 115, 2.5309603214263916),
	(1, 0, 123, 2.4342124462127686),
	(1, 0, 132, 2.3344931602478027),
	(1, 0, 205, 2.2912471294403076),
	(1, 0, 108, 2.25285267829895),
	(1, 1, 106, 3.0355653762817383),
	(1, 1, 232, 3.0176448822021484),
	(1, 1, 77, 2.8673324584960938),
	(1, 1, 56, 2.8008010387420654),
	(1, 1, 199, 2.5290462970733643),
	(1, 1, 126, 2.503267765045166),
	(1, 1, 115, 2.4887306690216064),
	(1, 1, 228, 2.4623231887817383),
	(1, 1, 5, 2.4585418701171875),
	(1, 1, 196, 2.366586208343506),
	(1, 2, 202, 3.411036729812622),
	(1, 2, 77, 2.941722869873047),
	(1, 2, 224, 2.7532405853271484),
	(1, 2, 92, 2.710658550262451),
	(1, 2, 56, 2.667677879333496),
	(1, 2, 146, 2.631852388381958),
	(1, 2, 14, 2.560614585876465),
	(1, 2, 123, 2.526829957962036),
	(1, 2, 80, 2.4608535766601562),
	(1, 2, 115, 2.403200149536133),
	(1, 3, 77, 3.3773880004882812),
	(1, 3, 172, 2.87105131149292),
	(1, 3, 56, 2.849985122680664),
	(1, 3, 247, 2.5134332180023193),
	(1, 3, 106, 2.464378833770752),
	(1, 3, 146, 2.308889389038086),
	(1, 3, 115, 2.2306716442108154),
	(1, 3, 80, 2.0208358764648438),
	(1, 3, 202, 1.9259753227233887),
	(1, 3, 157, 1.907804250717163),
	(1, 4, 77, 3.172637701034546),
	(1, 4, 56, 2.9588258266448975),
	(1, 4, 202, 2.863299608230591),
	(1, 4, 146, 2.6787989139556885),
	(1, 4, 224, 2.6369194984436035),
	(1, 4, 115, 2.537086009979248),
	(1, 4, 92, 2.5113346576690674),
	(1, 4, 80, 2.441279411315918),
	(1, 4, 172, 2.3781073093414307),
	(1, 4, 14, 2.316652297973633);

INSERT INTO lm.merge VALUES
	(1, 0, '\x74', '\x68', 256, 1),
	(1, 1, '\x7468', '\x65', 257, 2),
	(1, 2, '\x20', '\x746865', 258, NULL),
	(1, 3, '\x20', '\x63', 259, NULL),
	(1, 4, '\x61', '\x74', 260, NULL);

INSERT INTO lm.model OVERRIDING SYSTEM VALUE VALUES
	(1, 'tiny', 2, 2, 8, 32, 16, 262, 1e-05, 'float32', 261, false, '/models/tiny', NULL, '1f0f1e8eedfb997786a7ce99567106a52d194a7785b5d11929d7f9e3009b11f4', '2026-01-01 00:00:00+00', 'gpt2', 2, 4, true, false, false, 'gelu_new', 0.5, NULL, NULL, 1, 8);

INSERT INTO lm.patching_effect VALUES
	(1, 0, 1, -1, 0.125);

INSERT INTO lm.patching_sweep VALUES
	(1, 1, 2, 'z', 5, 6, 0.5, -0.25, 'postgres');

INSERT INTO lm.position_embedding VALUES
	(1, 0, '[0.11,0.26,0.01,-0.16,-0.03,-0.64,0.12,-0.23]'),
	(1, 1, '[0.03,0.11,0.09,0.28,0.06,0.11,0.15,0.41]'),
	(1, 2, '[-0.06,0.75,0.34,-0.4,-0.49,-0.41,0.52,-0.72]'),
	(1, 3, '[0.36,0.32,0.06,-0.18,0.18,0.07,0.01,-0.01]'),
	(1, 4, '[0.07,0.47,0.11,-0.4,0.06,-0.66,-0.11,0.09]'),
	(1, 5, '[0.76,0.6,-0.49,-0.01,0.04,-0.11,0.43,-0.25]'),
	(1, 6, '[-0.67,0.05,0.82,-0.4,0.49,0.84,0.69,-0.17]'),
	(1, 7, '[-0.69,-0.21,0.2,-0.14,0.19,-0.28,0.51,-0.48]'),
	(1, 8, '[-0.43,0.41,-0.56,0.65,-0.37,-0.32,-0.08,0.51]'),
	(1, 9, '[0.29,-0.63,0.49,-0.22,-0.37,0.1,-0.25,0.02]'),
	(1, 10, '[-0.24,0.52,-0.21,0.16,0.39,0.17,0.42,-0.78]'),
	(1, 11, '[0.06,0.09,-0.1,-0.21,0.16,-1.19,0.23,-0.14]'),
	(1, 12, '[-0.14,-0.2,0.01,-0.8,-0.19,0.58,-0.21,-0.27]'),
	(1, 13, '[-0.29,-0.07,0.16,-0.56,0.04,-0.48,0.38,0.12]'),
	(1, 14, '[-0.21,0.03,-0.87,-0.31,0.15,-0.02,0.24,-0.72]'),
	(1, 15, '[0.18,0.53,-0.06,0.23,-0.11,-0.12,0.53,0.14]');

INSERT INTO lm.run VALUES
	(1, 1, 'the cat at', '{257,259,260,220,260}', '{attn_out,resid_post,pattern,logits,z}', NULL, NULL, 10, NULL, '2026-01-01 00:00:00+00', '00:00:00.001', NULL, 'postgres'),
	(2, 1, 'that the', '{256,260,258}', '{attn_out,ln1,mlp_post}', NULL, NULL, 10, NULL, '2026-01-01 00:00:00+00', '00:00:00.001', NULL, 'postgres'),
	(3, 1, 'the cat at', '{257,259,260,220,260}', '{attn_out}', NULL, NULL, 10, 'half', '2026-01-01 00:00:00+00', '00:00:00.001', NULL, 'postgres');

INSERT INTO lm.run_token VALUES
	(1, 0, 257),
	(1, 1, 259),
	(1, 2, 260),
	(1, 3, 220),
	(1, 4, 260),
	(2, 0, 256),
	(2, 1, 260),
	(2, 2, 258),
	(3, 0, 257),
	(3, 1, 259),
	(3, 2, 260),
	(3, 3, 220),
	(3, 4, 260);

INSERT INTO lm.tag VALUES
	(1, NULL, 'source', 'fixture', 'postgres'),
	(1, 1, 'part_of_speech', 'noun', 'postgres');

INSERT INTO lm.token_embedding_1 VALUES
	(1, 0, '[-0.49,-0.86,-0.03,-0.28,-0.38,0.22,0.37,-0.17]', NULL, 0),
	(1, 1, '[1.03,-0.01,0.18,0.24,-0.47,-0.16,-0.11,-0.03]', NULL, 0),
	(1, 2, '[0,0.04,0.1,-0.4,-0.42,0.11,-0.23,-0.08]', NULL, 0),
	(1, 3, '[0.21,0.38,0.08,-0.3,-0.73,0.5,-0.03,-0.34]', NULL, 0),
	(1, 4, '[-0.31,-0.37,-0.41,-0.38,-0.27,0.03,-0.62,0.14]', NULL, 0),
	(1, 5, '[1.17,0.11,-0.25,-0.7,-0.09,-0.04,0.14,-0.31]', NULL, 0),
	(1, 6, '[0.04,0.7,-0.27,-0.33,-0.34,0.57,-0.35,-0.71]', NULL, 0),
	(1, 7, '[-0.14,-0.01,-0.61,-0.79,0.66,-0,-0.02,-0.62]', NULL, 0),
	(1, 8, '[-0.08,-0.25,-0.62,0.16,-0.14,0.35,-0.29,0.65]', NULL, 0),
	(1, 9, '[-0.16,-0.06,0.06,0.09,-0.21,0.45,0.46,-0.2]', NULL, 0),
	(1, 10, '[0.12,0.44,-0.72,0.14,0.01,0.13,-0.16,-0.54]', NULL, 0),
	(1, 11, '[0.12,-0.38,0.1,0.33,-0.87,-0.24,-0.62,0.01]', NULL, 0),
	(1, 12, '[-0.07,1.04,0.49,-0.08,-0.52,-0.49,0.14,0.26]', NULL, 0),
	(1, 13, '[-0.71,-1.15,-0.46,-0.39,-0.14,0.75,0.35,0.42]', NULL, 0),
	(1, 14, '[0.17,0.11,0.33,-0.46,0.13,-0.69,0.67,0.49]', NULL, 0),
	(1, 15, '[0.31,-0.28,-0.3,0.1,-0.08,-0.25,0.41,-0.07]', NULL, 0),
	(1, 16, '[-0.05,0.49,0.76,-0.43,-0.65,-0.44,0.21,0.58]', NULL, 0),
	(1, 17, '[-0.01,-0.1,-0.1,-0.25,0.04,-0.29,0.8,-0.23]', NULL, 0),
	(1, 18, '[-0.01,-0.31,0.04,-0.38,-0.17,0.66,-0.35,0.6]', NULL, 0),
	(1, 19, '[-0.4,0.65,0.31,-0.38,-0.07,-0.1,-0.2,-0.74]', NULL, 0),
	(1, 20, '[-0.28,-0.41,0.76,-0.08,-0.42,-0.31,-0.39,-0.32]', NULL, 0),
	(1, 21, '[0.22,-0.53,-0.65,0.29,-0.25,0.46,-0.06,-0]', NULL, 0),
	(1, 22, '[-0.39,0.32,-0.15,-0.69,0.63,0.39,-0.33,-0.62]', NULL, 0),
	(1, 23, '[-0.47,0.21,-0.26,-0.02,-0.2,0.87,0,0.08]', NULL, 0),
	(1, 24, '[-0.53,-0.28,-0.11,-0.05,-0.06,0.52,-0.27,0.37]', NULL, 0),
	(1, 25, '[0.31,-0.06,-0.23,-0.21,0.61,0.45,-0.17,0.23]', NULL, 0),
	(1, 26, '[0.4,-0.52,-0.06,0.74,-0.54,0.47,0.14,-0.29]', NULL, 0),
	(1, 27, '[0.29,0.24,-0.05,0.24,0,-0.33,-0.11,-0.22]', NULL, 0),
	(1, 28, '[0.18,-0.22,-0.47,0.08,-0.66,0.1,-0.24,-0.07]', NULL, 0),
	(1, 29, '[-0.35,0.01,0.35,0.3,0.52,-0.15,-0.11,0.01]', NULL, 0),
	(1, 30, '[-0.46,-0.34,-0.2,-0.52,0.28,-0.44,0.69,-0.33]', NULL, 0),
	(1, 31, '[0.16,0.07,0.34,-0.29,0.71,0.2,-0,0.68]', NULL, 0),
	(1, 32, '[0.04,0.5,-0.16,0.15,0.18,0.16,-0.1,0.13]', NULL, 0),
	(1, 33, '[0.02,0.97,0.15,0.06,-0.53,0.08,0.47,0.28]', NULL, 0),
	(1, 34, '[0.33,-0.16,0.21,-0.3,0.11,0.2,-0.15,0.12]', NULL, 0),
	(1, 35, '[0.61,0.5,1.3,0.2,0.3,-0.78,-0.43,0.04]', NULL, 0),
	(1, 36, '[-0.23,0.01,0.3,-0.21,0.14,0.41,-0.33,0.03]', NULL, 0),
	(1, 37, '[-0.54,-0.33,-0.44,-0.56,-0.28,-0.29,0.11,0.39]', NULL, 0),
	(1, 38, '[-0.39,-0.57,-0.03,-0.07,-0.03,-0.45,-0.21,-0.09]', NULL, 0),
	(1, 39, '[-0.21,-0.02,0.8,0.46,-0.01,0.59,-0.69,0.1]', NULL, 0),
	(1, 40, '[0.37,-0.42,-0.21,-0.27,0.27,0.17,0.34,-0.46]', NULL, 0),
	(1, 41, '[-0.51,-0.17,0.26,-0.43,0.47,0.71,-0.24,0.32]', NULL, 0),
	(1, 42, '[0.52,-0.35,0.66,0.57,0.1,0.03,0.56,-0.5]', NULL, 0),
	(1, 43, '[-0.77,-0.26,-0.13,-0.24,0.47,-0.37,-0.21,-0.08]', NULL, 0),
	(1, 44, '[-0,-0.02,-0.17,0.11,-0.22,0.28,-0.55,-0.22]', NULL, 0),
	(1, 45, '[0.08,-0.28,-0.34,0.48,-0.23,0.04,-0.02,-0.36]', NULL, 0),
	(1, 46, '[0.14,-0.32,0.51,0.42,0.31,0.03,0.29,0.12]', NULL, 0),
	(1, 47, '[0.57,0.09,0.15,-0.16,-0.11,0.02,-0.97,0.07]', NULL, 0),
	(1, 48, '[-0.21,0.17,0.38,-0.29,0.24,-0.44,0.17,-0.11]', NULL, 0),
	(1, 49, '[-0.34,0.75,0.03,-0.24,0.61,-0.42,-0.41,-0.32]', NULL, 0),
	(1, 50, '[0.12,0.39,0,0.56,-0.03,-0.01,-0.21,0.56]', NULL, 0),
	(1, 51, '[-0.27,0.16,-0.46,-0.02,0.65,-0.29,0.54,0.57]', NULL, 0),
	(1, 52, '[-0.06,0.23,0.39,0.77,0.46,0.08,0.06,-0.24]', NULL, 0),
	(1, 53, '[-0.27,-0.02,0.89,-0.12,0.18,0.33,-0.31,-0.17]', NULL, 0),
	(1, 54, '[0.14,0.81,-0.03,-0.27,-0.73,0.55,-0.42,0.45]', NULL, 0),
	(1, 55, '[-0.18,-0.21,-0.11,0.16,0.52,-0.03,-0.26,0.07]', NULL, 0),
	(1, 56, '[0.81,0.64,-0.2,-0.77,-0.33,-0.24,-0.22,0.67]', NULL, 0),
	(1, 57, '[0.05,-0.26,0.11,-0.51,-0.17,-0.12,0.05,-0.33]', NULL, 0),
	(1, 58, '[0.14,0.41,-0.31,0.23,0,-0.41,0.1,-0.59]', NULL, 0),
	(1, 59, '[0.49,-0.1,-0.05,-0.21,0.14,-0.02,0.37,0.53]', NULL, 0),
	(1, 60, '[0.05,0.36,-0.12,0.04,-0.71,-0.34,-0.01,-0.1]', NULL, 0),
	(1, 61, '[0.05,-0.62,-0.24,0.46,-0.33,0.04,-0.2,-0.22]', NULL, 0),
	(1, 62, '[0.62,-0.07,0.15,0.22,1.15,-0.02,0.26,-0.08]', NULL, 0),
	(1, 63, '[-0.05,-0.63,-0.11,0.16,0.15,0.46,0.17,0.15]', NULL, 0),
	(1, 64, '[-0.32,0.4,0.47,0.24,0.14,0.28,-0.08,-0.01]', NULL, 0),
	(1, 65, '[0.28,-0.19,-0.13,0.18,-0.33,-0.39,-0.67,0.05]', NULL, 0),
	(1, 66, '[-0.18,0.47,-0.18,-0.14,-0.03,-0.49,-0.57,0.26]', NULL, 0),
	(1, 67, '[-0.3,0.34,-0.2,0.56,0.38,-0.58,-0.24,0.46]', NULL, 0),
	(1, 68, '[0.3,0.47,0.53,-0.64,-0.36,-0.03,0.29,0.28]', NULL, 0),
	(1, 69, '[0.68,0.71,-0.26,0.02,0.38,-0.14,0.17,-0.09]', NULL, 0),
	(1, 70, '[0.63,-0.3,-0.28,0.22,-0.54,-0.23,-0.69,0.63]', NULL, 0),
	(1, 71, '[0.08,0.24,-0.22,-0.35,0.11,-0.05,-0.06,0.09]', NULL, 0),
	(1, 72, '[-0.58,-0.63,0.62,-0.16,0.79,0.04,-0.01,-0.03]', NULL, 0),
	(1, 73, '[0.66,-0.03,-0.1,0.15,0.14,-0.7,-0.28,-0.54]', NULL, 0),
	(1, 74, '[0.13,-0.29,-0.43,0.01,-0.02,0.05,0.06,-0.59]', NULL, 0),
	(1, 75, '[0.17,-0.71,0.15,0.45,0.66,-0.37,0.08,0.35]', NULL, 0),
	(1, 76, '[0.29,-0.36,0.01,-0.4,0.02,-0.33,-0.03,0.24]', NULL, 0),
	(1, 77, '[0.58,0.27,-0.54,-0.19,0.01,0.43,0.8,0.74]', NULL, 0),
	(1, 78, '[-0.15,-0.19,-0.09,-0.39,0.44,-0.39,-0.15,-0.51]', NULL, 0),
	(1, 79, '[0.35,-0.06,-0.18,-0.23,-0.21,-0.81,-0.43,0.81]', NULL, 0),
	(1, 80, '[-0.21,-0.78,-0.4,-0.47,-0.94,0.5,0.25,0.46]', NULL, 0),
	(1, 81, '[0.05,0.33,-0.28,0.31,0.7,0.62,-0.09,0.06]', NULL, 0),
	(1, 82, '[0.58,0.21,0.15,-0.49,0.26,-0.03,-0.09,-0.23]', NULL, 0),
	(1, 83, '[0.03,-0.12,-0.38,-0.04,0.11,-0.16,-0.17,0.17]', NULL, 0),
	(1, 84, '[-0.43,-0.25,0.04,-0.02,-0.65,0.54,0.97,-0.8]', NULL, 0),
	(1, 85, '[0.63,0.51,0.59,-0.15,0.41,0.44,0.32,-0.48]', NULL, 0),
	(1, 86, '[0.19,0.02,-0.44,0.61,-0.53,-0.28,-0.02,0.19]', NULL, 0),
	(1, 87, '[-0.26,-0.64,-0.2,0.05,-0.67,-0.08,-0.39,-0.81]', NULL, 0),
	(1, 88, '[0.02,-0.2,-0.33,0.19,-0.31,-0.05,-0.11,-0.2]', NULL, 0),
	(1, 89, '[-0.22,0.38,-0.23,0.01,-0.3,0.15,-0.18,0.06]', NULL, 0),
	(1, 90, '[-0.02,-0.04,0.17,-0.86,0.25,0.42,0.13,-0.56]', NULL, 0),
	(1, 91, '[-0.21,-0.09,-0.1,-0.02,0.17,-0.3,-0.27,-0.24]', NULL, 0),
	(1, 92, '[-0.19,0.41,-0.14,-0.15,-1.02,-0.66,0.37,0.6]', NULL, 0),
	(1, 93, '[0.08,-0.17,0.66,0.4,0.55,0.31,0.05,0.04]', NULL, 0),
	(1, 94, '[-0.39,0.04,0.38,-0.49,-0.4,-0.64,0.07,-0.46]', NULL, 0),
	(1, 95, '[0.01,-0.01,0.18,-0.12,0.75,-0.27,-0.27,0.41]', NULL, 0),
	(1, 96, '[-0.38,-1.14,-0.53,-0.22,-0.85,-0.22,0.06,-0.24]', NULL, 0),
	(1, 97, '[-0.01,-0.18,0.18,0.14,0.04,-0.61,0.46,-0.07]', NULL, 0),
	(1, 98, '[-0.16,0.08,-0.36,0.14,0.3,-0.14,-0.34,-0.26]', NULL, 0),
	(1, 99, '[0.15,0.08,0.21,0.57,-0.42,0.5,-0.22,-0]', NULL, 0),
	(1, 100, '[-0.78,-0.58,0.05,-0.07,-0.21,0.2,0.27,0.17]', NULL, 0),
	(1, 101, '[-0.13,-0.45,-0.32,0.09,0.53,-0.73,0.32,-0.33]', NULL, 0),
	(1, 102, '[0.04,0.21,0.11,-0.04,-0.28,-0.4,-0.1,0.02]', NULL, 0),
	(1, 103, '[0,0.61,0.14,0.69,0.33,-0.24,0.01,-0.38]', NULL, 0),
	(1, 104, '[-0.49,-0.4,-0.12,-0.22,0.63,0.2,0.53,0.06]', NULL, 0),
	(1, 105, '[-0.31,-0.04,-0.35,0.77,0.16,-0.11,0.11,0.63]', NULL, 0),
	(1, 106, '[0.5,0.33,-0.77,-0.45,-0.57,0.58,-0.19,-0.25]', NULL, 0),
	(1, 107, '[0.58,-0.01,-0.31,-0.13,0.01,-0.29,0.31,-0.09]', NULL, 0),
	(1, 108, '[0.4,-0.19,-0.08,-0.25,-0.31,0.14,0.69,0.2]', NULL, 0),
	(1, 109, '[-0.62,0.3,0.3,-0.26,0.05,-0.18,0.15,0.78]', NULL, 0),
	(1, 110, '[-0.06,0.16,0.18,-0.2,0.31,-0.47,0.16,-0.44]', NULL, 0),
	(1, 111, '[0.51,-0.09,0.44,0.13,0.27,0.49,-0.14,-0.43]', NULL, 0),
	(1, 112, '[-0.06,0.43,0.55,0.32,0.16,0.68,-0.14,0]', NULL, 0),
	(1, 113, '[0.02,0.15,-0.36,0.44,0.36,0.26,-0.22,-0.39]', NULL, 0),
	(1, 114, '[0.19,-0.21,-0.47,0.03,-0.47,-0.33,0.14,-0.39]', NULL, 0),
	(1, 115, '[0.74,0.08,-0.45,-0.39,-0.31,-0.37,0.72,-0.03]', NULL, 0),
	(1, 116, '[-0.23,0.03,0.84,0.05,0.02,-0.42,0.1,-0.59]', NULL, 0),
	(1, 117, '[0.18,0.16,0.45,-0.64,0.2,-0.12,0.5,0.46]', NULL, 0),
	(1, 118, '[0.58,0.75,-0.48,-0.08,-0.03,-0.42,0.26,-0.57]', NULL, 0),
	(1, 119, '[0.08,0.17,0.11,0.77,0.13,0.28,-0.31,-0.31]', NULL, 0),
	(1, 120, '[0.09,-0.44,-0.49,0.24,0.21,0.03,-0.27,0.17]', NULL, 0),
	(1, 121, '[-0.11,0.15,0.77,0.27,-0.37,-0.2,0.26,0.13]', NULL, 0),
	(1, 122, '[0.46,-0.25,0.27,-0.48,0.56,-0.38,-0.06,-0.27]', NULL, 0),
	(1, 123, '[-0.11,0.49,0.06,-0.47,0,-0.33,0.91,0.2]', NULL, 0),
	(1, 124, '[0.76,0.08,0.2,0.51,-0.27,0.29,0.36,0.21]', NULL, 0),
	(1, 125, '[0.49,0.66,-0.53,0.24,-0,0.08,-0.64,-0.23]', NULL, 0),
	(1, 126, '[0.88,-0.39,-0.97,0.41,0.11,-0.32,0.1,-0.49]', NULL, 0),
	(1, 127, '[-0.15,0.01,0.06,-0.39,0.05,0.18,-0.34,-0.36]', NULL, 0),
	(1, 128, '[0.19,0.16,-0.41,0.12,-0.42,0.54,0.63,0.05]', NULL, 0),
	(1, 129, '[-0.42,-0.21,-0.65,-0.15,-0.32,-0.23,0.32,-0.05]', NULL, 0),
	(1, 130, '[-0.43,-0.42,-0.06,0.08,-0.32,-0.22,-0.04,-0.13]', NULL, 0),
	(1, 131, '[-0.55,0.26,0.06,-0.21,0.72,-0.01,-0.28,-0.11]', NULL, 0),
	(1, 132, '[-0.09,-0.33,-0.3,-0.28,-0.72,0,0.49,0.01]', NULL, 0),
	(1, 133, '[0.34,-0.36,0.17,0.08,0.59,-0.38,0.17,-0.07]', NULL, 0),
	(1, 134, '[-0.26,-0.22,-0.55,0.61,0.41,0.37,0.78,-0.43]', NULL, 0),
	(1, 135, '[0.37,-0,-0,-0.33,-0.49,-0.34,0.36,-0.61]', NULL, 0),
	(1, 136, '[0.19,-0.88,-0.24,-0.33,-0.31,-0.48,-0.85,-0.01]', NULL, 0),
	(1, 137, '[0.16,-0.48,0.89,0.22,0.24,0.55,0.21,-0.16]', NULL, 0),
	(1, 138, '[-0.05,0.41,-0.34,-0.16,0.29,-0.29,-0.02,-0.05]', NULL, 0),
	(1, 139, '[0.89,-0.64,0.03,0.44,-0.17,0.13,1.66,-0.51]', NULL, 0),
	(1, 140, '[0.31,1.01,-0.57,0.57,-0.38,-0.09,-0.04,-0.16]', NULL, 0),
	(1, 141, '[0.06,0.51,0.75,0.01,0.31,0.05,-0.12,0.56]', NULL, 0),
	(1, 142, '[-0.14,-0.25,-0.14,-0.18,-0.05,-0.08,-0.24,-0.03]', NULL, 0),
	(1, 143, '[-0.91,-0.15,0.56,0.68,0.41,-0.32,0.09,0.24]', NULL, 0),
	(1, 144, '[0.11,-0.29,0.38,-0.03,-0.21,-0.66,-0.33,0.47]', NULL, 0),
	(1, 145, '[0.44,-0.36,0.11,-0.14,-0.32,0.57,-0.45,-0.03]', NULL, 0),
	(1, 146, '[0.39,0.11,-0.09,-0.7,0.06,0.12,0.43,0.48]', NULL, 0),
	(1, 147, '[-0.84,-0.46,0.19,0.03,0.57,-0.64,-0.52,0.06]', NULL, 0),
	(1, 148, '[-0.31,-0.21,-0.01,0.06,0.36,-0.28,0.74,0.26]', NULL, 0),
	(1, 149, '[0.04,0.53,-0.3,-0.37,0.34,0.85,-0.24,-0.07]', NULL, 0),
	(1, 150, '[-0.05,0.19,0.18,-0.02,-0.04,-0.01,0.05,-0.22]', NULL, 0),
	(1, 151, '[-0.16,-0.05,0.11,-0.3,0.27,-0.32,-0.69,0.06]', NULL, 0),
	(1, 152, '[-0.14,0.04,1.01,-0.57,-0.35,0.02,0.26,0.08]', NULL, 0),
	(1, 153, '[0.32,0.16,0.4,0.78,0.52,0.01,-0.65,0.37]', NULL, 0),
	(1, 154, '[-0.06,0.42,0.92,-0.51,-0.08,0.33,-0.29,-0.42]', NULL, 0),
	(1, 155, '[-0.04,0.06,-0.12,0.67,-0.1,0.35,-0.2,1.23]', NULL, 0),
	(1, 156, '[-0.16,0.41,-0.5,0.2,0.1,-0.34,-0.15,0.83]', NULL, 0),
	(1, 157, '[0.65,0.08,-0.37,-0.47,0.41,0.27,0.67,-0.25]', NULL, 0),
	(1, 158, '[1.22,-0.27,0.42,0.05,0.39,-0.38,-0.53,-0.06]', NULL, 0),
	(1, 159, '[-0.35,-0.54,0.14,0.34,0.11,-0.54,-0.74,-0.02]', NULL, 0),
	(1, 160, '[-0.59,-0.05,0.15,-0.24,0.02,0.19,0.28,-0.31]', NULL, 0),
	(1, 161, '[0.8,-0.31,0.6,-0.22,-0.19,0.41,-0.52,0.36]', NULL, 0),
	(1, 162, '[0.06,-0.33,-0.54,0.72,-0.6,-0.67,0.05,0.32]', NULL, 0),
	(1, 163, '[0.03,0.35,0.48,0.09,0.13,0.04,0.38,-0.04]', NULL, 0),
	(1, 164, '[0.43,0.02,-0.53,-0.05,0.01,0.96,0.45,-0.59]', NULL, 0),
	(1, 165, '[0.19,-0.34,-0.46,-0.54,-0.13,-0.12,-0.63,-0.16]', NULL, 0),
	(1, 166, '[-0.44,-0.24,0.65,-0.31,-0.05,0.04,0.05,-0.68]', NULL, 0),
	(1, 167, '[-0.03,-0.59,-0.01,-0.56,0.71,-0.16,0.32,-0.58]', NULL, 0),
	(1, 168, '[-0.11,-0.42,0.83,0.33,-0.03,0.42,0.35,-0.18]', NULL, 0),
	(1, 169, '[-0.59,-0.26,0.17,0.32,0.31,-0.45,0.06,-0.51]', NULL, 0),
	(1, 170, '[-0.48,-0.64,-0.2,0,0.19,-0.34,0.39,-0.4]', NULL, 0),
	(1, 171, '[0.31,0,0.27,-0.33,0.44,-0.63,0.03,-0.38]', NULL, 0),
	(1, 172, '[0.09,0.22,-0.73,-0.84,0.57,0.05,0.41,0.05]', NULL, 0),
	(1, 173, '[0.17,0.09,0.32,-0.04,-0.05,-0.3,-0.39,0.25]', NULL, 0),
	(1, 174, '[0.01,-0.55,-0.03,-0.07,0.14,0.1,-0.15,-0.8]', NULL, 0),
	(1, 175, '[0.49,0.74,-0.38,0.33,-0.08,-0.12,-0.27,0.01]', NULL, 0),
	(1, 176, '[-0.3,0.54,0.44,-0.56,-0.3,-0.42,0.03,-0.19]', NULL, 0),
	(1, 177, '[0.03,0.29,0,0.22,-1.05,0.1,0.17,-0.48]', NULL, 0),
	(1, 178, '[-0.35,-0.37,0.06,0.34,0.14,-0.27,0.26,0.29]', NULL, 0),
	(1, 179, '[-0.46,-0.05,0.04,-0.21,0.02,0.03,0.25,0.31]', NULL, 0),
	(1, 180, '[0.45,0.19,0.72,0.27,-0.1,0.68,-0.51,-0.32]', NULL, 0),
	(1, 181, '[0.2,0.56,0.16,-0.48,0.18,-0.96,0.49,-0.33]', NULL, 0),
	(1, 182, '[-0.16,0.21,0.14,-0.01,0.77,-0.18,0.33,-0.04]', NULL, 0),
	(1, 183, '[-0.11,0.13,-0.09,0.28,-0.39,0.12,0.76,-0.63]', NULL, 0),
	(1, 184, '[0.33,-0.35,0.55,0.34,0.11,-0,-0.16,-0.39]', NULL, 0),
	(1, 185, '[0.09,-0.45,0.41,0,-0.06,-0.3,0.26,-0.85]', NULL, 0),
	(1, 186, '[0.05,0.06,-0.33,0.69,0.13,-0.74,-0.07,-0.64]', NULL, 0),
	(1, 187, '[-0.12,-0.2,0.22,-0.49,-0.03,-0.79,0.92,-0.35]', NULL, 0),
	(1, 188, '[0.27,0.23,0.06,0.6,-0.01,-0.08,-0.39,-0.7]', NULL, 0),
	(1, 189, '[0.07,-0.04,-0.07,-0.22,0.46,0.33,-0.18,0.05]', NULL, 0),
	(1, 190, '[0.01,0.09,0.18,-0.21,0.22,0.29,0,0.46]', NULL, 0),
	(1, 191, '[0.21,0.33,-0.14,0.57,-0.17,0.61,0.53,0.01]', NULL, 0),
	(1, 192, '[0.43,0.34,0.06,0.58,-0.1,0.14,0.29,0.23]', NULL, 0),
	(1, 193, '[0.71,-0.56,-0.55,-0.06,-0.09,-0.22,-0.59,0.13]', NULL, 0),
	(1, 194, '[-0.56,0.27,-0.12,0.67,-0.64,0.37,-0.31,0.04]', NULL, 0),
	(1, 195, '[-0.71,0.5,-0.29,0.21,0.13,0.06,0.41,-0.24]', NULL, 0),
	(1, 196, '[0.22,-0.48,-1.03,0.65,-0.78,-0.49,0.34,-0.43]', NULL, 0),
	(1, 197, '[0.06,0.74,-0.24,0.18,-0.43,0.17,0.47,0.24]', NULL, 0),
	(1, 198, '[-0.14,0.52,-0.02,-0.03,-0.9,0.38,0,-0.35]', NULL, 0),
	(1, 199, '[0.87,0.05,-0.31,0.06,-0.59,-0.62,-0.07,0.22]', NULL, 0),
	(1, 200, '[0.19,0.24,0.64,-0.84,0.21,0.28,-0.58,0.72]', NULL, 0),
	(1, 201, '[-0.2,0.01,-0.42,-0.51,0.54,0.03,0.46,0.16]', NULL, 0),
	(1, 202, '[-0.64,0.48,0.48,-1.06,0.05,0.36,0.89,0.55]', NULL, 0),
	(1, 203, '[0.08,0.01,0.07,0.19,0.25,-0.39,0,0.66]', NULL, 0),
	(1, 204, '[0.04,-0.03,-0.41,0.54,0.09,0.09,0.88,-0.77]', NULL, 0),
	(1, 205, '[-0.14,-0.16,-0.08,-0.36,-0.53,0.65,0.38,0.44]', NULL, 0),
	(1, 206, '[-0.24,0.35,0.49,-0.65,-0.65,-0.14,0.05,0.02]', NULL, 0),
	(1, 207, '[0.34,-0.49,0.33,-0.17,0.83,-0.02,0.25,0.24]', NULL, 0),
	(1, 208, '[-0.37,0.08,-0.18,0.1,-0.21,-0.2,-0.33,0.64]', NULL, 0),
	(1, 209, '[-0.4,0.22,0.38,-0.3,-0.54,0.15,-0.39,-0.4]', NULL, 0),
	(1, 210, '[-0.54,0.2,0.06,-0.24,0.36,-0.11,-0.53,-0.18]', NULL, 0),
	(1, 211, '[0.76,-0.17,0.41,-0.35,-0.44,-0.1,-0.41,0.28]', NULL, 0),
	(1, 212, '[0.86,0.19,0.25,-0.82,0.26,0.38,-0.19,0.49]', NULL, 0),
	(1, 213, '[-0.38,0.05,-0.78,-0.23,-0.42,-0.18,0.47,-0.26]', NULL, 0),
	(1, 214, '[0.05,-0.04,-0.23,0.18,0.12,0.48,0.02,-0.29]', NULL, 0),
	(1, 215, '[-0.37,0.64,-0.72,-0.73,-0.19,-0.11,-0.58,-0.43]', NULL, 0),
	(1, 216, '[0.29,-0.61,0.26,0.13,0.7,-0.46,-1.23,0.07]', NULL, 0),
	(1, 217, '[-0.84,0.89,0.09,0.49,-0.25,-0,0,0]', NULL, 0),
	(1, 218, '[-0.2,-0.17,-0.5,-0.21,-0.38,-0.01,0.28,0.46]', NULL, 0),
	(1, 219, '[-0.87,-0.11,0.54,-0.6,0.21,-0.07,-1.01,-0.55]', NULL, 0),
	(1, 220, '[0.15,-0.06,0.53,0.05,1.06,0.37,0.45,0.64]', NULL, 0),
	(1, 221, '[0.54,-0.42,0.33,0,-0.15,0.04,0.88,0.09]', NULL, 0),
	(1, 222, '[0.28,-0.85,0.13,0.32,0.06,-0.78,-0.95,-0.37]', NULL, 0),
	(1, 223, '[0.15,0.15,-0.14,-0.16,0.17,0.76,0.66,0.22]', NULL, 0),
	(1, 224, '[-0.06,-0.59,-0.02,0.04,-0.85,-0.22,0.4,1.03]', NULL, 0),
	(1, 225, '[0.26,0.06,-0.7,0.07,1.12,-0.21,0.47,0.22]', NULL, 0),
	(1, 226, '[-0.14,0.41,0.27,-0.12,-0.47,0.04,0.58,0.1]', NULL, 0),
	(1, 227, '[0.17,-0.21,0.27,-1.07,-0.15,0.44,0.53,-0.06]', NULL, 0),
	(1, 228, '[0.51,-0.49,-0.45,-0.01,-0.51,-0.09,-0.12,0.85]', NULL, 0),
	(1, 229, '[0.28,0.67,0.64,-0.33,-0.46,0.68,0.41,-0.2]', NULL, 0),
	(1, 230, '[-0.06,0.46,-0.58,0.4,-0.51,-0.59,-0.18,-0.67]', NULL, 0),
	(1, 231, '[-0.03,0.02,0.02,-0.22,1,-0.15,-0.46,-0.11]', NULL, 0),
	(1, 232, '[0.57,0.39,-0.98,1.04,-0.34,0.3,-0.09,-0.15]', NULL, 0),
	(1, 233, '[-0.29,0.08,0.23,-0.03,-0.18,0.27,-0.39,-0.18]', NULL, 0),
	(1, 234, '[0.2,0.53,-0.35,-0.28,-0.79,0.11,0.01,0.01]', NULL, 0),
	(1, 235, '[0.06,0.74,0.27,0.06,-0.27,0.56,0.39,-0.04]', NULL, 0),
	(1, 236, '[0.29,-0.09,0.26,0.44,-0.01,-0.18,-0.22,0.04]', NULL, 0),
	(1, 237, '[0.95,-0.17,-0.02,0.27,-0.21,0.39,-0.41,0.18]', NULL, 0),
	(1, 238, '[0.48,0.54,0.01,0.1,0.17,0.8,0.09,-0.53]', NULL, 0),
	(1, 239, '[0.16,0.07,0.1,-0.57,-0.15,-0.02,0.16,0.15]', NULL, 0),
	(1, 240, '[0.12,0.1,0.06,-0.31,0.16,0.41,0.44,0.18]', NULL, 0),
	(1, 241, '[-0.61,-0.66,-0.16,-0.64,0.2,0.66,-0.61,0.8]', NULL, 0),
	(1, 242, '[0.02,0.3,0.35,0.05,0.34,-0.29,0.31,-0.34]', NULL, 0),
	(1, 243, '[0.01,-0.66,-0.32,-0.3,0.1,0.74,-0.25,0.02]', NULL, 0),
	(1, 244, '[0.14,0.13,0.08,0.61,-0.17,0.38,-0.81,-0.6]', NULL, 0),
	(1, 245, '[0.75,-0.01,0.8,0.34,0.67,-0.02,-0.93,0.2]', NULL, 0),
	(1, 246, '[-0.17,0.04,0.01,-0.09,0.41,0.09,0.1,0.03]', NULL, 0),
	(1, 247, '[0,1.02,-0.37,-0.37,0.3,0.24,-0.28,0.78]', NULL, 0),
	(1, 248, '[0.29,-0.15,-0.12,0.29,-0.03,-0.31,0.32,-0.64]', NULL, 0),
	(1, 249, '[-1.03,-0.37,0.36,0.35,0.09,0.3,0.31,0.1]', NULL, 0),
	(1, 250, '[0.61,0.16,-0.11,-0.48,-0.47,0.11,-0.2,-0.39]', NULL, 0),
	(1, 251, '[-0.66,0.11,-0.31,-0.11,0.34,0.52,-0.14,0.78]', NULL, 0),
	(1, 252, '[0.78,-0.24,-0.08,-0.1,-0.03,-0.21,0.67,0.12]', NULL, 0),
	(1, 253, '[0.11,0.14,0.05,-0.36,-0.11,0.36,0.5,-0.19]', NULL, 0),
	(1, 254, '[0.53,-0.45,0.28,0.48,0.22,-0.16,0,0.6]', NULL, 0),
	(1, 255, '[0.68,0.07,-0.02,-0.72,0.11,-0.14,0.62,-0.13]', NULL, 0),
	(1, 256, '[0.28,-0.07,0.75,-0.15,0.05,0.53,-0.03,-0.07]', NULL, 0),
	(1, 257, '[-0.18,0.82,0.52,0.44,-0.36,0.1,0.45,0.83]', NULL, 0),
	(1, 258, '[0.07,-0.6,0.03,0.16,-0.33,0.82,-0.06,-0.42]', NULL, 0),
	(1, 259, '[0.25,0.9,-0.09,0.23,-0.33,0.04,-0.75,-0.46]', NULL, 0),
	(1, 260, '[0.15,-0.23,-0.49,0.16,-0.14,-0.07,0.41,0.07]', NULL, 0),
	(1, 261, '[0.5,0.3,-0.62,0.29,-0.02,-0.86,-0.46,0.15]', NULL, 0);

INSERT INTO lm.tokenizer VALUES
	(1, 'none', 'nothing', 'gpt2', NULL, '{}', 0, 39);

INSERT INTO lm.vocabulary VALUES
	(1, 0, '\x21', '!', false, 'ordinary'),
	(1, 1, '\x22', '"', false, 'ordinary'),
	(1, 2, '\x23', '#', false, 'ordinary'),
	(1, 3, '\x24', '$', false, 'ordinary'),
	(1, 4, '\x25', '%', false, 'ordinary'),
	(1, 5, '\x26', '&', false, 'ordinary'),
	(1, 6, '\x27', '''', false, 'ordinary'),
	(1, 7, '\x28', '(', false, 'ordinary'),
	(1, 8, '\x29', ')', false, 'ordinary'),
	(1, 9, '\x2a', '*', false, 'ordinary'),
	(1, 10, '\x2b', '+', false, 'ordinary'),
	(1, 11, '\x2c', ',', false, 'ordinary'),
	(1, 12, '\x2d', '-', false, 'ordinary'),
	(1, 13, '\x2e', '.', false, 'ordinary'),
	(1, 14, '\x2f', '/', false, 'ordinary'),
	(1, 15, '\x30', '0', false, 'ordinary'),
	(1, 16, '\x31', '1', false, 'ordinary'),
	(1, 17, '\x32', '2', false, 'ordinary'),
	(1, 18, '\x33', '3', false, 'ordinary'),
	(1, 19, '\x34', '4', false, 'ordinary'),
	(1, 20, '\x35', '5', false, 'ordinary'),
	(1, 21, '\x36', '6', false, 'ordinary'),
	(1, 22, '\x37', '7', false, 'ordinary'),
	(1, 23, '\x38', '8', false, 'ordinary'),
	(1, 24, '\x39', '9', false, 'ordinary'),
	(1, 25, '\x3a', ':', false, 'ordinary'),
	(1, 26, '\x3b', ';', false, 'ordinary'),
	(1, 27, '\x3c', '<', false, 'ordinary'),
	(1, 28, '\x3d', '=', false, 'ordinary'),
	(1, 29, '\x3e', '>', false, 'ordinary'),
	(1, 30, '\x3f', '?', false, 'ordinary'),
	(1, 31, '\x40', '@', false, 'ordinary'),
	(1, 32, '\x41', 'A', false, 'ordinary'),
	(1, 33, '\x42', 'B', false, 'ordinary'),
	(1, 34, '\x43', 'C', false, 'ordinary'),
	(1, 35, '\x44', 'D', false, 'ordinary'),
	(1, 36, '\x45', 'E', false, 'ordinary'),
	(1, 37, '\x46', 'F', false, 'ordinary'),
	(1, 38, '\x47', 'G', false, 'ordinary'),
	(1, 39, '\x48', 'H', false, 'ordinary'),
	(1, 40, '\x49', 'I', false, 'ordinary'),
	(1, 41, '\x4a', 'J', false, 'ordinary'),
	(1, 42, '\x4b', 'K', false, 'ordinary'),
	(1, 43, '\x4c', 'L', false, 'ordinary'),
	(1, 44, '\x4d', 'M', false, 'ordinary'),
	(1, 45, '\x4e', 'N', false, 'ordinary'),
	(1, 46, '\x4f', 'O', false, 'ordinary'),
	(1, 47, '\x50', 'P', false, 'ordinary'),
	(1, 48, '\x51', 'Q', false, 'ordinary'),
	(1, 49, '\x52', 'R', false, 'ordinary'),
	(1, 50, '\x53', 'S', false, 'ordinary'),
	(1, 51, '\x54', 'T', false, 'ordinary'),
	(1, 52, '\x55', 'U', false, 'ordinary'),
	(1, 53, '\x56', 'V', false, 'ordinary'),
	(1, 54, '\x57', 'W', false, 'ordinary'),
	(1, 55, '\x58', 'X', false, 'ordinary'),
	(1, 56, '\x59', 'Y', false, 'ordinary'),
	(1, 57, '\x5a', 'Z', false, 'ordinary'),
	(1, 58, '\x5b', '[', false, 'ordinary'),
	(1, 59, '\x5c', '\', false, 'ordinary'),
	(1, 60, '\x5d', ']', false, 'ordinary'),
	(1, 61, '\x5e', '^', false, 'ordinary'),
	(1, 62, '\x5f', '_', false, 'ordinary'),
	(1, 63, '\x60', '`', false, 'ordinary'),
	(1, 64, '\x61', 'a', false, 'ordinary'),
	(1, 65, '\x62', 'b', false, 'ordinary'),
	(1, 66, '\x63', 'c', false, 'ordinary'),
	(1, 67, '\x64', 'd', false, 'ordinary'),
	(1, 68, '\x65', 'e', false, 'ordinary'),
	(1, 69, '\x66', 'f', false, 'ordinary'),
	(1, 70, '\x67', 'g', false, 'ordinary'),
	(1, 71, '\x68', 'h', false, 'ordinary'),
	(1, 72, '\x69', 'i', false, 'ordinary'),
	(1, 73, '\x6a', 'j', false, 'ordinary'),
	(1, 74, '\x6b', 'k', false, 'ordinary'),
	(1, 75, '\x6c', 'l', false, 'ordinary'),
	(1, 76, '\x6d', 'm', false, 'ordinary'),
	(1, 77, '\x6e', 'n', false, 'ordinary'),
	(1, 78, '\x6f', 'o', false, 'ordinary'),
	(1, 79, '\x70', 'p', false, 'ordinary'),
	(1, 80, '\x71', 'q', false, 'ordinary'),
	(1, 81, '\x72', 'r', false, 'ordinary'),
	(1, 82, '\x73', 's', false, 'ordinary'),
	(1, 83, '\x74', 't', false, 'ordinary'),
	(1, 84, '\x75', 'u', false, 'ordinary'),
	(1, 85, '\x76', 'v', false, 'ordinary'),
	(1, 86, '\x77', 'w', false, 'ordinary'),
	(1, 87, '\x78', 'x', false, 'ordinary'),
	(1, 88, '\x79', 'y', false, 'ordinary'),
	(1, 89, '\x7a', 'z', false, 'ordinary'),
	(1, 90, '\x7b', '{', false, 'ordinary'),
	(1, 91, '\x7c', '|', false, 'ordinary'),
	(1, 92, '\x7d', '}', false, 'ordinary'),
	(1, 93, '\x7e', '~', false, 'ordinary'),
	(1, 94, '\xa1', '�', false, 'ordinary'),
	(1, 95, '\xa2', '�', false, 'ordinary'),
	(1, 96, '\xa3', '�', false, 'ordinary'),
	(1, 97, '\xa4', '�', false, 'ordinary'),
	(1, 98, '\xa5', '�', false, 'ordinary'),
	(1, 99, '\xa6', '�', false, 'ordinary'),
	(1, 100, '\xa7', '�', false, 'ordinary'),
	(1, 101, '\xa8', '�', false, 'ordinary'),
	(1, 102, '\xa9', '�', false, 'ordinary'),
	(1, 103, '\xaa', '�', false, 'ordinary'),
	(1, 104, '\xab', '�', false, 'ordinary'),
	(1, 105, '\xac', '�', false, 'ordinary'),
	(1, 106, '\xae', '�', false, 'ordinary'),
	(1, 107, '\xaf', '�', false, 'ordinary'),
	(1, 108, '\xb0', '�', false, 'ordinary'),
	(1, 109, '\xb1', '�', false, 'ordinary'),
	(1, 110, '\xb2', '�', false, 'ordinary'),
	(1, 111, '\xb3', '�', false, 'ordinary'),
	(1, 112, '\xb4', '�', false, 'ordinary'),
	(1, 113, '\xb5', '�', false, 'ordinary'),
	(1, 114, '\xb6', '�', false, 'ordinary'),
	(1, 115, '\xb7', '�', false, 'ordinary'),
	(1, 116, '\xb8', '�', false, 'ordinary'),
	(1, 117, '\xb9', '�', false, 'ordinary'),
	(1, 118, '\xba', '�', false, 'ordinary'),
	(1, 119, '\xbb', '�', false, 'ordinary'),
	(1, 120, '\xbc', '�', false, 'ordinary'),
	(1, 121, '\xbd', '�', false, 'ordinary'),
	(1, 122, '\xbe', '�', false, 'ordinary'),
	(1, 123, '\xbf', '�', false, 'ordinary'),
	(1, 124, '\xc0', '�', false, 'ordinary'),
	(1, 125, '\xc1', '�', false, 'ordinary'),
	(1, 126, '\xc2', '�', false, 'ordinary'),
	(1, 127, '\xc3', '�', false, 'ordinary'),
	(1, 128, '\xc4', '�', false, 'ordinary'),
	(1, 129, '\xc5', '�', false, 'ordinary'),
	(1, 130, '\xc6', '�', false, 'ordinary'),
	(1, 131, '\xc7', '�', false, 'ordinary'),
	(1, 132, '\xc8', '�', false, 'ordinary'),
	(1, 133, '\xc9', '�', false, 'ordinary'),
	(1, 134, '\xca', '�', false, 'ordinary'),
	(1, 135, '\xcb', '�', false, 'ordinary'),
	(1, 136, '\xcc', '�', false, 'ordinary'),
	(1, 137, '\xcd', '�', false, 'ordinary'),
	(1, 138, '\xce', '�', false, 'ordinary'),
	(1, 139, '\xcf', '�', false, 'ordinary'),
	(1, 140, '\xd0', '�', false, 'ordinary'),
	(1, 141, '\xd1', '�', false, 'ordinary'),
	(1, 142, '\xd2', '�', false, 'ordinary'),
	(1, 143, '\xd3', '�', false, 'ordinary'),
	(1, 144, '\xd4', '�', false, 'ordinary'),
	(1, 145, '\xd5', '�', false, 'ordinary'),
	(1, 146, '\xd6', '�', false, 'ordinary'),
	(1, 147, '\xd7', '�', false, 'ordinary'),
	(1, 148, '\xd8', '�', false, 'ordinary'),
	(1, 149, '\xd9', '�', false, 'ordinary'),
	(1, 150, '\xda', '�', false, 'ordinary'),
	(1, 151, '\xdb', '�', false, 'ordinary'),
	(1, 152, '\xdc', '�', false, 'ordinary'),
	(1, 153, '\xdd', '�', false, 'ordinary'),
	(1, 154, '\xde', '�', false, 'ordinary'),
	(1, 155, '\xdf', '�', false, 'ordinary'),
	(1, 156, '\xe0', '�', false, 'ordinary'),
	(1, 157, '\xe1', '�', false, 'ordinary'),
	(1, 158, '\xe2', '�', false, 'ordinary'),
	(1, 159, '\xe3', '�', false, 'ordinary'),
	(1, 160, '\xe4', '�', false, 'ordinary'),
	(1, 161, '\xe5', '�', false, 'ordinary'),
	(1, 162, '\xe6', '�', false, 'ordinary'),
	(1, 163, '\xe7', '�', false, 'ordinary'),
	(1, 164, '\xe8', '�', false, 'ordinary'),
	(1, 165, '\xe9', '�', false, 'ordinary'),
	(1, 166, '\xea', '�', false, 'ordinary'),
	(1, 167, '\xeb', '�', false, 'ordinary'),
	(1, 168, '\xec', '�', false, 'ordinary'),
	(1, 169, '\xed', '�', false, 'ordinary'),
	(1, 170, '\xee', '�', false, 'ordinary'),
	(1, 171, '\xef', '�', false, 'ordinary'),
	(1, 172, '\xf0', '�', false, 'ordinary'),
	(1, 173, '\xf1', '�', false, 'ordinary'),
	(1, 174, '\xf2', '�', false, 'ordinary'),
	(1, 175, '\xf3', '�', false, 'ordinary'),
	(1, 176, '\xf4', '�', false, 'ordinary'),
	(1, 177, '\xf5', '�', false, 'ordinary'),
	(1, 178, '\xf6', '�', false, 'ordinary'),
	(1, 179, '\xf7', '�', false, 'ordinary'),
	(1, 180, '\xf8', '�', false, 'ordinary'),
	(1, 181, '\xf9', '�', false, 'ordinary'),
	(1, 182, '\xfa', '�', false, 'ordinary'),
	(1, 183, '\xfb', '�', false, 'ordinary'),
	(1, 184, '\xfc', '�', false, 'ordinary'),
	(1, 185, '\xfd', '�', false, 'ordinary'),
	(1, 186, '\xfe', '�', false, 'ordinary'),
	(1, 187, '\xff', '�', false, 'ordinary'),
	(1, 188, '\x00', '�', false, 'ordinary'),
	(1, 189, '\x01', '', false, 'ordinary'),
	(1, 190, '\x02', '', false, 'ordinary'),
	(1, 191, '\x03', '', false, 'ordinary'),
	(1, 192, '\x04', '', false, 'ordinary'),
	(1, 193, '\x05', '', false, 'ordinary'),
	(1, 194, '\x06', '', false, 'ordinary'),
	(1, 195, '\x07', '', false, 'ordinary'),
	(1, 196, '\x08', '', false, 'ordinary'),
	(1, 197, '\x09', '	', false, 'ordinary'),
	(1, 198, '\x0a', '
', false, 'ordinary'),
	(1, 199, '\x0b', '
', false, 'ordinary'),
	(1, 200, '\x0c', '
', false, 'ordinary'),
	(1, 201, '\x0d', '
', false, 'ordinary'),
	(1, 202, '\x0e', '', false, 'ordinary'),
	(1, 203, '\x0f', '', false, 'ordinary'),
	(1, 204, '\x10', '', false, 'ordinary'),
	(1, 205, '\x11', '', false, 'ordinary'),
	(1, 206, '\x12', '', false, 'ordinary'),
	(1, 207, '\x13', '', false, 'ordinary'),
	(1, 208, '\x14', '', false, 'ordinary'),
	(1, 209, '\x15', '', false, 'ordinary'),
	(1, 210, '\x16', '', false, 'ordinary'),
	(1, 211, '\x17', '', false, 'ordinary'),
	(1, 212, '\x18', '', false, 'ordinary'),
	(1, 213, '\x19', '', false, 'ordinary'),
	(1, 214, '\x1a', '', false, 'ordinary'),
	(1, 215, '\x1b', '', false, 'ordinary'),
	(1, 216, '\x1c', '
', false, 'ordinary'),
	(1, 217, '\x1d', '
', false, 'ordinary'),
	(1, 218, '\x1e', '
', false, 'ordinary'),
	(1, 219, '\x1f', '', false, 'ordinary'),
	(1, 220, '\x20', ' ', false, 'ordinary'),
	(1, 221, '\x7f', '', false, 'ordinary'),
	(1, 222, '\x80', '�', false, 'ordinary'),
	(1, 223, '\x81', '�', false, 'ordinary'),
	(1, 224, '\x82', '�', false, 'ordinary'),
	(1, 225, '\x83', '�', false, 'ordinary'),
	(1, 226, '\x84', '�', false, 'ordinary'),
	(1, 227, '\x85', '�', false, 'ordinary'),
	(1, 228, '\x86', '�', false, 'ordinary'),
	(1, 229, '\x87', '�', false, 'ordinary'),
	(1, 230, '\x88', '�', false, 'ordinary'),
	(1, 231, '\x89', '�', false, 'ordinary'),
	(1, 232, '\x8a', '�', false, 'ordinary'),
	(1, 233, '\x8b', '�', false, 'ordinary'),
	(1, 234, '\x8c', '�', false, 'ordinary'),
	(1, 235, '\x8d', '�', false, 'ordinary'),
	(1, 236, '\x8e', '�', false, 'ordinary'),
	(1, 237, '\x8f', '�', false, 'ordinary'),
	(1, 238, '\x90', '�', false, 'ordinary'),
	(1, 239, '\x91', '�', false, 'ordinary'),
	(1, 240, '\x92', '�', false, 'ordinary'),
	(1, 241, '\x93', '�', false, 'ordinary'),
	(1, 242, '\x94', '�', false, 'ordinary'),
	(1, 243, '\x95', '�', false, 'ordinary'),
	(1, 244, '\x96', '�', false, 'ordinary'),
	(1, 245, '\x97', '�', false, 'ordinary'),
	(1, 246, '\x98', '�', false, 'ordinary'),
	(1, 247, '\x99', '�', false, 'ordinary'),
	(1, 248, '\x9a', '�', false, 'ordinary'),
	(1, 249, '\x9b', '�', false, 'ordinary'),
	(1, 250, '\x9c', '�', false, 'ordinary'),
	(1, 251, '\x9d', '�', false, 'ordinary'),
	(1, 252, '\x9e', '�', false, 'ordinary'),
	(1, 253, '\x9f', '�', false, 'ordinary'),
	(1, 254, '\xa0', '�', false, 'ordinary'),
	(1, 255, '\xad', '�', false, 'ordinary'),
	(1, 256, '\x7468', 'th', false, 'ordinary'),
	(1, 257, '\x746865', 'the', false, 'ordinary'),
	(1, 258, '\x20746865', ' the', false, 'ordinary'),
	(1, 259, '\x2063', ' c', false, 'ordinary'),
	(1, 260, '\x6174', 'at', false, 'ordinary'),
	(1, 261, '\x3c7c656e646f66746578747c3e', '<|endoftext|>', true, 'unmerged');

SELECT pg_catalog.setval('lm.generation_generation_id_seq', 3, true);

SELECT pg_catalog.setval('lm.intervention_intervention_id_seq', 3, true);

SELECT pg_catalog.setval('lm.model_model_id_seq', 1, true);

SELECT pg_catalog.setval('lm.patching_sweep_sweep_id_seq', 1, true);

SELECT pg_catalog.setval('lm.run_run_id_seq', 4, true);

ALTER TABLE ONLY lm.activation
    ADD CONSTRAINT activation_pkey PRIMARY KEY (run_id, site, layer, head, "position");

ALTER TABLE ONLY lm.added_token
    ADD CONSTRAINT added_token_pkey PRIMARY KEY (model_id, token_id);

ALTER TABLE ONLY lm.attention_adjustment
    ADD CONSTRAINT attention_adjustment_pkey PRIMARY KEY (run_id, layer, "position");

ALTER TABLE ONLY lm.attention_cache
    ADD CONSTRAINT attention_cache_pkey PRIMARY KEY (generation_id, layer, sequence, "position");

ALTER TABLE ONLY lm.generation
    ADD CONSTRAINT generation_pkey PRIMARY KEY (generation_id);

ALTER TABLE ONLY lm.installed_object
    ADD CONSTRAINT installed_object_pkey PRIMARY KEY (kind, identity);

ALTER TABLE ONLY lm.intervention
    ADD CONSTRAINT intervention_pkey PRIMARY KEY (set_name, intervention_id);

ALTER TABLE ONLY lm.intervention_set
    ADD CONSTRAINT intervention_set_pkey PRIMARY KEY (set_name);

ALTER TABLE ONLY lm.layer_norm
    ADD CONSTRAINT layer_norm_pkey PRIMARY KEY (model_id, layer, site);

ALTER TABLE ONLY lm.layer
    ADD CONSTRAINT layer_pkey PRIMARY KEY (model_id, layer);

ALTER TABLE ONLY lm.linear_1
    ADD CONSTRAINT linear_1_pkey PRIMARY KEY (layer, map, block, unit);

ALTER TABLE ONLY lm.logit
    ADD CONSTRAINT logit_pkey PRIMARY KEY (run_id, "position", token_id);

ALTER TABLE ONLY lm.merge
    ADD CONSTRAINT merge_pkey PRIMARY KEY (model_id, rank);

ALTER TABLE ONLY lm.model
    ADD CONSTRAINT model_name_key UNIQUE (name);

ALTER TABLE ONLY lm.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (model_id);

ALTER TABLE ONLY lm.patching_effect
    ADD CONSTRAINT patching_effect_pkey PRIMARY KEY (sweep_id, layer, head, "position");

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_pkey PRIMARY KEY (sweep_id);

ALTER TABLE ONLY lm.position_embedding
    ADD CONSTRAINT position_embedding_pkey PRIMARY KEY (model_id, "position");

ALTER TABLE ONLY lm.rotary
    ADD CONSTRAINT rotary_pkey PRIMARY KEY (model_id, rotary);

ALTER TABLE ONLY lm.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY lm.run_token
    ADD CONSTRAINT run_token_pkey PRIMARY KEY (run_id, "position");

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_position_name_key UNIQUE NULLS NOT DISTINCT (run_id, "position", name);

ALTER TABLE ONLY lm.token_embedding_1
    ADD CONSTRAINT token_embedding_1_pkey PRIMARY KEY (token_id, block);

ALTER TABLE ONLY lm.tokenizer
    ADD CONSTRAINT tokenizer_pkey PRIMARY KEY (model_id);

ALTER TABLE ONLY lm.verification
    ADD CONSTRAINT verification_pkey PRIMARY KEY (model_id, verified_at, site, layer);

ALTER TABLE ONLY lm.vocabulary
    ADD CONSTRAINT vocabulary_pkey PRIMARY KEY (model_id, token_id);

CREATE INDEX added_token_beginning ON lm.added_token USING btree (model_id, normalized, beginning);

CREATE UNIQUE INDEX added_token_content ON lm.added_token USING btree (model_id, normalized, content);

CREATE INDEX intervention_from_run ON lm.intervention USING btree (from_run) WHERE (from_run IS NOT NULL);

CREATE UNIQUE INDEX merge_pair ON lm.merge USING btree (model_id, left_bytes, right_bytes) INCLUDE (rank, next_rank);

CREATE UNIQUE INDEX model_one_default ON lm.model USING btree (is_default) WHERE is_default;

CREATE INDEX nearest_resid_post_1_width_8 ON lm.activation USING hnsw (((value)::public.vector(8)) public.vector_cosine_ops) WITH (m='32', ef_construction='200') WHERE ((site = 'resid_post'::lm.site) AND (layer = 1) AND (head = '-1'::integer) AND (public.vector_dims(value) = 8));

CREATE INDEX run_model ON lm.run USING btree (model_id);

CREATE INDEX run_prompt ON lm.run USING hash (prompt);

CREATE INDEX run_token_token ON lm.run_token USING btree (token_id);

CREATE INDEX tag_value ON lm.tag USING btree (name, value);

CREATE UNIQUE INDEX vocabulary_bytes ON lm.vocabulary USING btree (model_id, bytes, kind) INCLUDE (token_id) WHERE (kind <> 'unmerged'::lm.token_kind);

CREATE TRIGGER drop_weights AFTER DELETE ON lm.model FOR EACH STATEMENT EXECUTE FUNCTION lm_internal.drop_weights();

COMMENT ON TRIGGER drop_weights ON lm.model IS 'Drops the weights of models that are deleted.';

CREATE CONSTRAINT TRIGGER forget_generation AFTER INSERT ON lm.generation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((NOT new.keep)) EXECUTE FUNCTION lm_internal.forget_generation();

COMMENT ON TRIGGER forget_generation ON lm.generation IS 'Leaves no cache behind, however a generation ends: finished, closed half way, or failed.';

CREATE TRIGGER join_set BEFORE INSERT OR UPDATE OF set_name ON lm.intervention FOR EACH ROW EXECUTE FUNCTION lm_internal.join_set();

COMMENT ON TRIGGER join_set ON lm.intervention IS 'A set belongs to one role.';

ALTER TABLE ONLY lm.activation
    ADD CONSTRAINT activation_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.added_token
    ADD CONSTRAINT added_token_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.added_token
    ADD CONSTRAINT added_token_model_id_token_id_fkey FOREIGN KEY (model_id, token_id) REFERENCES lm.vocabulary(model_id, token_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.attention_adjustment
    ADD CONSTRAINT attention_adjustment_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.attention_cache
    ADD CONSTRAINT attention_cache_generation_id_fkey FOREIGN KEY (generation_id) REFERENCES lm.generation(generation_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.generation
    ADD CONSTRAINT generation_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.intervention
    ADD CONSTRAINT intervention_from_run_fkey FOREIGN KEY (from_run) REFERENCES lm.run(run_id);

ALTER TABLE ONLY lm.intervention
    ADD CONSTRAINT intervention_set_name_fkey FOREIGN KEY (set_name) REFERENCES lm.intervention_set(set_name) ON DELETE CASCADE;

ALTER TABLE ONLY lm.layer
    ADD CONSTRAINT layer_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.layer_norm
    ADD CONSTRAINT layer_norm_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.logit
    ADD CONSTRAINT logit_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.merge
    ADD CONSTRAINT merge_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_effect
    ADD CONSTRAINT patching_effect_sweep_id_fkey FOREIGN KEY (sweep_id) REFERENCES lm.patching_sweep(sweep_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_clean_run_fkey FOREIGN KEY (clean_run) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.patching_sweep
    ADD CONSTRAINT patching_sweep_corrupt_run_fkey FOREIGN KEY (corrupt_run) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.position_embedding
    ADD CONSTRAINT position_embedding_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.rotary
    ADD CONSTRAINT rotary_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.run
    ADD CONSTRAINT run_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.run_token
    ADD CONSTRAINT run_token_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_fkey FOREIGN KEY (run_id) REFERENCES lm.run(run_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.tag
    ADD CONSTRAINT tag_run_id_position_fkey FOREIGN KEY (run_id, "position") REFERENCES lm.run_token(run_id, "position") ON DELETE CASCADE;

ALTER TABLE ONLY lm.tokenizer
    ADD CONSTRAINT tokenizer_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.verification
    ADD CONSTRAINT verification_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE ONLY lm.vocabulary
    ADD CONSTRAINT vocabulary_model_id_fkey FOREIGN KEY (model_id) REFERENCES lm.model(model_id) ON DELETE CASCADE;

ALTER TABLE lm.activation ENABLE ROW LEVEL SECURITY;

CREATE POLICY adding ON lm.activation FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.run r
  WHERE ((r.run_id = activation.run_id) AND (r.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.attention_adjustment FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.run r
  WHERE ((r.run_id = attention_adjustment.run_id) AND (r.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.attention_cache FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.generation g
  WHERE ((g.generation_id = attention_cache.generation_id) AND (g.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.generation FOR INSERT WITH CHECK ((owner = CURRENT_USER));

CREATE POLICY adding ON lm.intervention FOR INSERT WITH CHECK (((from_run IS NULL) OR (EXISTS ( SELECT
   FROM lm.run r
  WHERE (r.run_id = intervention.from_run)))));

CREATE POLICY adding ON lm.intervention_set FOR INSERT WITH CHECK ((owner = CURRENT_USER));

CREATE POLICY adding ON lm.logit FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.run r
  WHERE ((r.run_id = logit.run_id) AND (r.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.patching_effect FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.patching_sweep s
  WHERE ((s.sweep_id = patching_effect.sweep_id) AND (s.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.patching_sweep FOR INSERT WITH CHECK ((owner = CURRENT_USER));

CREATE POLICY adding ON lm.run FOR INSERT WITH CHECK (((owner = CURRENT_USER) AND (run_id <= ( SELECT s.last_value
   FROM lm.run_run_id_seq s))));

CREATE POLICY adding ON lm.run_token FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM lm.run r
  WHERE ((r.run_id = run_token.run_id) AND (r.owner = CURRENT_USER)))));

CREATE POLICY adding ON lm.tag FOR INSERT WITH CHECK (((owner = CURRENT_USER) AND (EXISTS ( SELECT
   FROM lm.run r
  WHERE (r.run_id = tag.run_id)))));

ALTER TABLE lm.attention_adjustment ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.attention_cache ENABLE ROW LEVEL SECURITY;

CREATE POLICY changing ON lm.intervention FOR UPDATE USING ((EXISTS ( SELECT
   FROM lm.intervention_set s
  WHERE ((s.set_name = intervention.set_name) AND (s.owner = CURRENT_USER))))) WITH CHECK (((from_run IS NULL) OR (EXISTS ( SELECT
   FROM lm.run r
  WHERE (r.run_id = intervention.from_run)))));

CREATE POLICY changing ON lm.patching_sweep FOR UPDATE USING ((owner = CURRENT_USER));

CREATE POLICY changing ON lm.run FOR UPDATE USING ((owner = CURRENT_USER));

CREATE POLICY changing ON lm.tag FOR UPDATE USING ((owner = CURRENT_USER)) WITH CHECK (((owner = CURRENT_USER) AND (EXISTS ( SELECT
   FROM lm.run r
  WHERE (r.run_id = tag.run_id)))));

ALTER TABLE lm.generation ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.intervention ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.intervention_set ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.logit ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.patching_effect ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.patching_sweep ENABLE ROW LEVEL SECURITY;

CREATE POLICY reading ON lm.activation FOR SELECT USING (true);

CREATE POLICY reading ON lm.attention_adjustment FOR SELECT USING (true);

CREATE POLICY reading ON lm.attention_cache FOR SELECT USING (true);

CREATE POLICY reading ON lm.generation FOR SELECT USING (true);

CREATE POLICY reading ON lm.intervention FOR SELECT USING (true);

CREATE POLICY reading ON lm.intervention_set FOR SELECT USING (true);

CREATE POLICY reading ON lm.logit FOR SELECT USING (true);

CREATE POLICY reading ON lm.patching_effect FOR SELECT USING (true);

CREATE POLICY reading ON lm.patching_sweep FOR SELECT USING (true);

CREATE POLICY reading ON lm.run FOR SELECT USING (true);

CREATE POLICY reading ON lm.run_token FOR SELECT USING (true);

CREATE POLICY reading ON lm.tag FOR SELECT USING (true);

CREATE POLICY removing ON lm.generation FOR DELETE USING ((owner = CURRENT_USER));

CREATE POLICY removing ON lm.intervention FOR DELETE USING ((EXISTS ( SELECT
   FROM lm.intervention_set s
  WHERE ((s.set_name = intervention.set_name) AND (s.owner = CURRENT_USER)))));

CREATE POLICY removing ON lm.intervention_set FOR DELETE USING ((owner = CURRENT_USER));

CREATE POLICY removing ON lm.patching_sweep FOR DELETE USING ((owner = CURRENT_USER));

CREATE POLICY removing ON lm.run FOR DELETE USING ((owner = CURRENT_USER));

CREATE POLICY removing ON lm.tag FOR DELETE USING (((owner = CURRENT_USER) OR (EXISTS ( SELECT
   FROM lm.run r
  WHERE ((r.run_id = tag.run_id) AND (r.owner = CURRENT_USER))))));

ALTER TABLE lm.run ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.run_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE lm.tag ENABLE ROW LEVEL SECURITY;
