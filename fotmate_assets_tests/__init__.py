"""Tests of fotmate_assets, mirroring the package."""
