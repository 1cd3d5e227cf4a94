-- What only the TimescaleDB License ("TSL", the community edition) allows, on the hypertable odds_snapshots: old chunks as
-- columns, and an hourly average that keeps itself up to date. Run by the owner of the schema, in one transaction; again
-- is safe. TimescaleDB 2.18 or newer, which has the names with "columnstore".

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM timescaledb_information.hypertables
        WHERE hypertable_schema = 'public' AND hypertable_name = 'odds_snapshots' AND compression_enabled
    ) THEN
        -- A segment is a race, so that reading one unpacks no other: a few hundred rows, of which up to 1,000 are packed
        -- together. By (race, pool) segments would be too small to be worth it.
        ALTER TABLE odds_snapshots SET (
            timescaledb.enable_columnstore = true,
            timescaledb.segmentby = 'race_id',
            timescaledb.orderby = 'pool, observed_at'
        );
    END IF;
END
$$;

-- By then, final odds have been read for the last time.
CALL add_columnstore_policy('odds_snapshots', after => INTERVAL '14 days', if_not_exists => true);

-- From what each row says of its odds, so that no array is read. Not of final odds.
CREATE MATERIALIZED VIEW IF NOT EXISTS odds_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', observed_at) AS hour_at, race_id, pool, source, is_simulated,
       sum(mean_odds::float8 * priced) AS odds_sum, sum(priced) AS prices, count(*) AS snapshots
FROM odds_snapshots
WHERE source <> 'portal_final'
GROUP BY 1, 2, 3, 4, 5
WITH NO DATA;

GRANT SELECT ON odds_hourly TO fotmate_writer, fotmate_reader;

-- Only the last 10 days are looked at again: what retention deletes later (FOTMATE_ODDS_HOT_DAYS must be more) stays in
-- the averages. For the same reason, never refresh it by hand over days that were retired.
SELECT add_continuous_aggregate_policy(
    'odds_hourly',
    start_offset => INTERVAL '10 days',
    end_offset => INTERVAL '1 hour',
    schedule_interval => INTERVAL '15 minutes',
    if_not_exists => true
);
