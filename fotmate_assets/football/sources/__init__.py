"""One module per provider: fetch bytes, parse bytes into the domain model."""
