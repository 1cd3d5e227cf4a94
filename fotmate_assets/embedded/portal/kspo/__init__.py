"""KSPO's services (B551014) for cycles and boats, made from simulated races."""
