-- what the model would predict if it ended after a layer
SELECT layer, position, tokens, probabilities, final_rank, entropy, kl_to_final
FROM lm.lens_grid(
    %(run_id)s, k => 5, positions => ARRAY(SELECT generate_series(%(first)s, %(last)s))
);
