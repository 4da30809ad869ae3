-- what each part of the model adds to the logit of a token; the rows add up to it
SELECT site, layer, head, attribution
FROM lm.logit_attribution(
    %(run_id)s, token_id => %(token_id)s, "position" => %(position)s
);
