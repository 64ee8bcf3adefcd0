"""Imagine: an app with users whose truth is known, exchanged as columns (one frozen struct a record kind).

May import every room below it; the world itself (`world.py` and what it is made of) needs only `events` and
the ground. To add a behaviour, add one function to the file of its concept and its constants, with unit and
reason, to `constants.py`; to add a whole world, write a module whose `make` returns a `protocol.World`.
"""
