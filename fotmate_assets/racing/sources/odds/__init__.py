"""Where odds come from: final ones of the portals, a feed, recordings, a simulated market."""
