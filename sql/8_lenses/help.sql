-- What to ask, with an example of each.

CREATE OR REPLACE FUNCTION lm.help(
    about text DEFAULT ''
)
RETURNS TABLE (
    topic text,
    question text,
    example text
)
LANGUAGE sql
STABLE
BEGIN ATOMIC
    WITH
    entry (place, topic, question, example) AS (
        VALUES
        (
            1, 'models', 'Which models are loaded?',
            'SELECT name, family, n_layer, d_model FROM lm.model;'
        ),
        (
            2, 'models', 'Which is meant by default?',
            'SELECT lm.default_model();'
        ),
        (
            3, 'tokens', 'What is a text to the model?',
            'SELECT * FROM lm.tokenize(''The goblin unlocked it.'');'
        ),
        (
            4, 'tokens', 'How are its pieces merged?',
            'SELECT * FROM lm.merge_steps('' unlocked'');'
        ),
        (
            5, 'predict', 'What comes next?',
            'SELECT * FROM lm.next_token(''Once upon a time'');'
        ),
        (
            6, 'predict', 'And then?',
            'SELECT lm.generate(''Once upon a time'', 40);'
        ),
        (
            7, 'predict', 'Something else each time?',
            'SELECT lm.generate(''One day'', temperature => 0.8);'
        ),
        (
            8, 'predict', 'Several texts at once?',
            'SELECT * FROM lm.generate_many(''{One day,One night}'');'
        ),
        (
            9, 'predict', 'How likely is it to follow?',
            'SELECT * FROM lm.score(''{One day}'', ''{" a king"}'');'
        ),
        (
            10, 'runs', 'Run a text, keep everything',
            E'SELECT lm.forward(''A wolf ate a hen, a fox and a pig'',\n'
            '  capture => ''{all}'');'
        ),
        (
            11, 'runs', 'Which runs are there?',
            'SELECT * FROM lm.run_summary ORDER BY run_id DESC;'
        ),
        (
            12, 'runs', 'What can be kept of a run?',
            'SELECT site, n_head, width FROM lm.model_site;'
        ),
        (
            13, 'runs', 'One vector of the newest run',
            'SELECT lm.vector_at(lm.latest_run(''ln1''), ''ln1'', 5);'
        ),
        (
            14, 'runs', 'Where does a token stand?',
            'SELECT * FROM lm.token WHERE token = '' fox'';'
        ),
        (
            15, 'attention', 'Who attends to what?',
            E'SELECT * FROM lm.attention_pattern\n'
            'WHERE run_id = lm.latest_run(''pattern'') AND layer = 6;'
        ),
        (
            16, 'attention', 'Which heads look back, copy?',
            'SELECT * FROM lm.head_scores(lm.latest_run(''pattern''));'
        ),
        (
            17, 'attention', 'Which heads look at commas?',
            E'SELECT * FROM lm.attention_share(\n'
            '  ARRAY[lm.latest_run(''pattern'')], '','');'
        ),
        (
            18, 'lenses', 'What would each layer say?',
            E'SELECT * FROM lm.logit_lens(\n'
            '  lm.latest_run(''resid_post''), k => 1);'
        ),
        (
            19, 'lenses', 'And at every position?',
            E'SELECT * FROM lm.lens_grid(\n'
            '  lm.latest_run(''resid_post''), k => 1);'
        ),
        (
            20, 'lenses', 'What did it expect where?',
            E'SELECT * FROM lm.predictions(\n'
            '  lm.latest_run(''resid_post''), k => 3);'
        ),
        (
            21, 'lenses', 'Which part speaks for it?',
            'SELECT * FROM lm.logit_attribution(lm.latest_run(''z''));'
        ),
        (
            22, 'surprise', 'Which token was unexpected?',
            'SELECT * FROM lm.surprise(lm.latest_run(''ln_final''));'
        ),
        (
            23, 'surprise', 'How well does a text suit?',
            'SELECT lm.perplexity(lm.latest_run(''ln_final''));'
        ),
        (
            24, 'vectors', 'What is near a token?',
            'SELECT * FROM lm.nearest_tokens(lm.embedding('' king''));'
        ),
        (
            25, 'vectors', 'Where is a state like this?',
            E'SELECT * FROM lm.nearest_activations(lm.vector_at(\n'
            '  lm.latest_run(''ln1''), ''ln1'', 5), ''ln1'', 5);'
        ),
        (
            26, 'intervene', 'What if layer 3 were silent?',
            E'SELECT lm.replace_interventions(''hush'',\n'
            'lm.make_intervention(''attn_out'', ''zero'', layer => 3));'
        ),
        (
            27, 'intervene', 'What does it say then?',
            'SELECT lm.generate(''One day'', interventions => ''hush'');'
        ),
        (
            28, 'intervene', 'Which place decides?',
            E'SELECT * FROM lm.patching_sweep(''The queen said that'',\n'
            '  ''The king said that'', ''resid_pre'', '' she'', '' he'');'
        ),
        (
            29, 'regress', 'How large are adjustments?',
            E'SELECT * FROM lm.adjustment_norm\n'
            'WHERE run_id = lm.latest_run(''attn_out'') AND layer = 1;'
        ),
        (
            30, 'regress', 'Do they follow one another?',
            E'SELECT * FROM lm.lag_ols(\n'
            '  ARRAY[lm.latest_run(''attn_out'')]);'
        ),
        (
            31, 'corpora', 'Run texts not run before',
            'SELECT * FROM lm.forward_once(''{One day,One night}'');'
        ),
        (
            32, 'corpora', 'Label a run, or a token',
            E'INSERT INTO lm.tag (run_id, name, value)\n'
            'VALUES (lm.latest_run(), ''source'', ''mine'');'
        )
    ),

    found AS MATERIALIZED (
        SELECT e.*
        FROM entry AS e
        WHERE strpos(
            lower(concat_ws(' ', e.topic, e.question, e.example)), lower(COALESCE(help.about, ''))
        ) > 0
    )

    SELECT
        f.topic,
        f.question,
        f.example
    FROM (SELECT count(*) AS n FROM found) AS c
    LEFT JOIN found AS f ON true
    WHERE c.n > 0
        OR lm_internal.fail(
            true,
            format('lm.help has nothing about "%s"', help.about),
            'SELECT * FROM lm.help() has everything'
        )
    ORDER BY f.place;
END;

COMMENT ON FUNCTION lm.help IS
'What to ask, with an example of each, to be pasted into psql; about keeps those that mention a word: lm.help(''attention''). lm.latest_run(site) in an example is the newest run that captured the site. Errors: nothing mentions it.';
