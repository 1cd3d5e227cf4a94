"""Odds: the domain, the tables, writing and reading of the time series."""
