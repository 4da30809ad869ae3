-- Sequences in one array, their tokens end to end: what a pass takes.

CREATE OR REPLACE FUNCTION lm_internal.batch_tokens(
    sequences int[],
    token_ids int[]
)
RETURNS TABLE (
    sequence int,
    "position" int,
    token_id int
)
LANGUAGE sql
IMMUTABLE
BEGIN ATOMIC
    SELECT
        t.sequence,
        (row_number() OVER (PARTITION BY t.sequence ORDER BY t.row))::int - 1,
        t.token_id
    FROM unnest(batch_tokens.sequences, batch_tokens.token_ids)
        WITH ORDINALITY AS t (sequence, token_id, row);
END;

COMMENT ON FUNCTION lm_internal.batch_tokens IS
'The tokens of sequences that are laid end to end, each with its position, which counts from 0 in every sequence. sequences says of each token which sequence it is of.';
