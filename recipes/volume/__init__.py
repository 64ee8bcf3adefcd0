"""What `volume_arms.py` is made of: worlds and models, cells, curves, the trap, tables and pictures."""
