"""What `timing_arms.py` is made of: stages, profiles of the day, rules, cells, tables and pictures."""
