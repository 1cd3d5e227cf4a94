"""Tracking data of providers: bytes to rows. No Dagster, no SQLAlchemy."""
