"""Postgres and S3 servers for a machine that has neither, and sample upstreams."""
