"""Off-policy estimates where the truth can be had: what `hillstrom_bandit.py` and `obd_uniform.py` share."""
