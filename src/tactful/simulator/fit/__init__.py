"""Fits the constants of the default world to an app's log, by simulated moments.

`log` is what is fitted to, `stored` reads it out of a store, `moments` counts it, `imitate` lives through it again with
simulated people, `fitting` moves the constants until both count alike, `report` is what came of it, `constants_file`
keeps it. To add a constant: its bound and the moment that tells of it in `told_by.py`, and that moment in `moments.py`.
"""
