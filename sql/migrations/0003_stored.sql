-- lm.attention_adjustment and lm.activation are views now; their tables go on under another name.
-- That comes before the migrations that follow, which know the tables by it.

DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT
            format(
                'ALTER TABLE lm.%I RENAME CONSTRAINT %I TO %I',
                t.before, c.conname, t.after || substr(c.conname, length(t.before) + 1)
            )
        FROM (
            VALUES ('attention_adjustment', 'stored_adjustment'), ('activation', 'stored_activation')
        ) AS t (before, after)
        INNER JOIN pg_constraint AS c
            ON c.conrelid = format('lm.%I', t.before)::regclass
            AND starts_with(c.conname, t.before || '_')
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

ALTER TABLE lm.attention_adjustment RENAME TO stored_adjustment;
ALTER TABLE lm.activation RENAME TO stored_activation;

UPDATE lm.installed_object
SET identity = CASE identity
    WHEN 'activation' THEN 'stored_activation' ELSE 'stored_adjustment'
END
WHERE kind = 'table' AND identity IN ('attention_adjustment', 'activation');
