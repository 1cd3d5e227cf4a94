-- The three roles of fotmate_assets, and what each may do. PostgreSQL 16 or newer.
--
--   fotmate_owner    owns database and tables; runs the migrations (Alembic). Nothing else logs in as it.
--   fotmate_writer   the assets: reads and changes rows. No DDL, no TRUNCATE.
--   fotmate_reader   analysts, dashboards, `fotmate sql`: reads.
--
-- Run it as a superuser, connected to the database that is to hold the tables (any name):
--
--   createdb fotmate
--   psql --dbname fotmate --single-transaction --set ON_ERROR_STOP=1 --file sql/roles.sql
--
-- then give each role its password, by hand or from your secret store (psql's \password sends only its hash):
--
--   \password fotmate_owner
--   \password fotmate_writer
--   \password fotmate_reader
--
-- and put them into FOTMATE_DATABASE_OWNER_URL, FOTMATE_DATABASE_URL and FOTMATE_DATABASE_READER_URL.
-- Running it again is safe at any time: it changes no row and no password, and repairs rights that drifted, also those
-- on tables that exist already.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['fotmate_owner', 'fotmate_writer', 'fotmate_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', role_name);
    END LOOP;
END
$$;

-- A reader's slip must not hold up the loads: no writes even by mistake, and no query without an end.
ALTER ROLE fotmate_reader SET default_transaction_read_only = on;
ALTER ROLE fotmate_reader SET statement_timeout = '60s';

-- The database: nobody but these three gets in. The writer stages its rows in temporary tables.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO fotmate_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO fotmate_writer', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO fotmate_reader', current_database());
END
$$;

-- The schema: only the owner makes things in it.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO fotmate_owner;
GRANT USAGE ON SCHEMA public TO fotmate_writer, fotmate_reader;

-- What the owner will create: tables, partitions, views, sequences.
ALTER DEFAULT PRIVILEGES FOR ROLE fotmate_owner GRANT SELECT ON TABLES TO fotmate_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE fotmate_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO fotmate_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE fotmate_owner GRANT USAGE ON SEQUENCES TO fotmate_writer;

-- What it has created before this file was run.
DO $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT c.oid::regclass AS name, c.relkind
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace
          AND c.relowner = 'fotmate_owner'::regrole
          AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    LOOP
        IF relation.relkind = 'S' THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO fotmate_writer', relation.name);
        ELSE
            EXECUTE format('GRANT SELECT ON %s TO fotmate_reader', relation.name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO fotmate_writer', relation.name);
        END IF;
    END LOOP;
END
$$;
