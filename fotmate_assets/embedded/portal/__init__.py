"""A simulated public data portal: invented races in the formats of KRA (B551015) and KSPO (B551014)."""
