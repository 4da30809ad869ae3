-- The path on which names of psqlm's and pgvector's are found while they are bound. Others may have
-- put theirs beside pgvector's: finish.sql looks what was found.

DO $$
BEGIN
    PERFORM set_config('search_path', format('lm, lm_internal, %s, pg_temp', e.extnamespace::regnamespace), true)
    FROM pg_extension AS e
    WHERE e.extname = 'vector';
END
$$;
