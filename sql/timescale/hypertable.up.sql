-- odds_snapshots becomes a hypertable: the same table (key, indexes, grants, the view odds_prices) in chunks of time.
-- Works with the Apache-licensed TimescaleDB as well. Run by the owner of the schema, in one transaction; again is safe.
--
-- Chunks of 28 days: a race is read by its id, without a time, so every chunk is probed; at a month each, what is hot
-- (FOTMATE_ODDS_HOT_DAYS) is a handful of them, and one is a few hundred megabytes of a peak season at most.
-- Existing rows are moved, for which the table is locked.

SELECT create_hypertable(
    'odds_snapshots',
    by_range('observed_at', INTERVAL '28 days'),
    create_default_indexes => false,
    if_not_exists => true,
    migrate_data => true
);

-- Retention (racing.odds.retention) deletes the rows of a race date once the lake holds them; a chunk that has none left
-- is then dropped by this function, which the writer, who owns nothing, may call. There is no retention policy of
-- TimescaleDB's own: it would drop chunks by their age alone, whether the lake holds them or not.
CREATE OR REPLACE FUNCTION odds_drop_empty_chunks(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    chunk record;
    is_empty boolean;
    dropped integer := 0;
BEGIN
    FOR chunk IN
        SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS name, c.range_start, c.range_end
        FROM timescaledb_information.chunks AS c
        WHERE c.hypertable_schema = 'public' AND c.hypertable_name = 'odds_snapshots' AND c.range_end <= before
        ORDER BY c.range_start
    LOOP
        BEGIN
            EXECUTE 'LOCK TABLE ' || chunk.name || ' IN ACCESS EXCLUSIVE MODE';
            EXECUTE 'SELECT NOT EXISTS (SELECT FROM ' || chunk.name || ')' INTO is_empty;
            IF is_empty THEN
                PERFORM drop_chunks(
                    'odds_snapshots', older_than => chunk.range_end, newer_than => chunk.range_start);
                dropped := dropped + 1;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- somebody reads it: the next retention drops it
        END;
    END LOOP;
    RETURN dropped;
END
$$;

COMMENT ON FUNCTION odds_drop_empty_chunks(timestamptz) IS
    'Drop the chunks of odds_snapshots that end before this instant and have no row left; how many.';
REVOKE ALL ON FUNCTION odds_drop_empty_chunks(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION odds_drop_empty_chunks(timestamptz) TO fotmate_writer;
