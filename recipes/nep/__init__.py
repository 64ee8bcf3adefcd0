"""What `nep_arms.py` is made of: worlds and models, arms, cells, newcomers, the page."""
