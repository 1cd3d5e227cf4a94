"""The simulated public data portal."""
