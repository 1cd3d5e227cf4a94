"""What every wing stands on. Knows no sport and imports no wing."""
