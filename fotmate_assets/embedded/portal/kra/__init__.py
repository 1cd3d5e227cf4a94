"""KRA's services (B551015), made from simulated races."""
