"""fotmate_assets: football, racing and vision data assets on Dagster."""
