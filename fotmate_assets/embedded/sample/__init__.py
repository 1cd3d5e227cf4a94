"""Generators of synthetic provider files: same shapes as the real ones, no real data."""
