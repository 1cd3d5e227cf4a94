-- odds_snapshots becomes a plain table again: every row, its key, checks, indexes, comments and grants; views on it go on
-- working. Run by the owner of the schema, in one transaction, in which the table is locked. TimescaleDB has no such
-- command: the rows are copied.

DROP FUNCTION IF EXISTS odds_drop_empty_chunks(timestamptz);

LOCK TABLE odds_snapshots IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
    old oid := 'odds_snapshots'::regclass;
    constraints text[];
    indexes text[];
    grants text[];
    views text[];
    statement text;
    copied bigint;
    there bigint;
BEGIN
    -- What LIKE does not copy, or copies under other names.
    SELECT coalesce(array_agg(format(
            'ALTER TABLE odds_snapshots ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))), '{}')
        INTO constraints FROM pg_constraint WHERE conrelid = old AND contype IN ('p', 'u');
    SELECT coalesce(array_agg(pg_get_indexdef(i.indexrelid)), '{}')
        INTO indexes FROM pg_index AS i
        WHERE i.indrelid = old AND NOT EXISTS (
            SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u'));
    SELECT coalesce(array_agg(format(
            'GRANT %s ON odds_snapshots TO %s', a.privilege_type,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)), '{}')
        INTO grants FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = old;
    SELECT coalesce(array_agg(DISTINCT format(
            'CREATE OR REPLACE VIEW %s AS %s', v.oid::regclass, pg_get_viewdef(v.oid))), '{}')
        INTO views FROM pg_depend AS d
        JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
        WHERE d.refobjid = old;

    ALTER TABLE odds_snapshots RENAME TO odds_snapshots_chunked;
    CREATE TABLE odds_snapshots (LIKE odds_snapshots_chunked INCLUDING ALL EXCLUDING INDEXES);
    EXECUTE format('COMMENT ON TABLE odds_snapshots IS %L', obj_description(old));
    INSERT INTO odds_snapshots SELECT * FROM odds_snapshots_chunked ORDER BY observed_at, pool, race_id;
    GET DIAGNOSTICS copied = ROW_COUNT;
    SELECT count(*) INTO there FROM odds_snapshots_chunked;
    IF copied <> there THEN
        RAISE EXCEPTION 'odds_snapshots: % rows of % were copied', copied, there;
    END IF;
    FOREACH statement IN ARRAY views LOOP
        EXECUTE statement;
    END LOOP;
    DROP TABLE odds_snapshots_chunked;
    FOREACH statement IN ARRAY constraints || indexes || grants LOOP
        EXECUTE statement;
    END LOOP;
    ANALYZE odds_snapshots;
END
$$;
