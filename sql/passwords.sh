#!/bin/sh
# Run once by the Postgres image, after roles.sql: gives the roles their passwords and Dagster its database.
set -eu
psql --username postgres --dbname fotmate --set ON_ERROR_STOP=1 --quiet \
    --set owner="$FOTMATE_OWNER_PASSWORD" --set writer="$FOTMATE_WRITER_PASSWORD" \
    --set reader="$FOTMATE_READER_PASSWORD" --set dagster="$DAGSTER_PG_PASSWORD" <<'SQL'
ALTER ROLE fotmate_owner PASSWORD :'owner';
ALTER ROLE fotmate_writer PASSWORD :'writer';
ALTER ROLE fotmate_reader PASSWORD :'reader';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
SQL
