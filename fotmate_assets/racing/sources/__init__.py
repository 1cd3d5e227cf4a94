"""The portals that racing data comes from."""
