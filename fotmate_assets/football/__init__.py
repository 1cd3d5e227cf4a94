"""The football wing: StatsBomb, Metrica, FBref and openfootball into one set of tables."""
