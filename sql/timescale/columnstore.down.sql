-- Takes back columnstore.up.sql: odds_snapshots stays a hypertable, with every row in its chunks as rows. Run by the
-- owner of the schema, in one transaction.

DROP MATERIALIZED VIEW IF EXISTS odds_hourly;
CALL remove_columnstore_policy('odds_snapshots', if_exists => true);

DO $$
DECLARE
    chunk regclass;
BEGIN
    FOR chunk IN SELECT show_chunks('odds_snapshots') LOOP
        PERFORM decompress_chunk(chunk, if_compressed => true);
    END LOOP;
    ALTER TABLE odds_snapshots SET (timescaledb.enable_columnstore = false);
END
$$;
