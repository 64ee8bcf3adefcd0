"""Decide: the pure core. Numbers in; one decision per rank job out, with reasons and its probability.

May import `features`, `events` and the ground; no torch, no I/O, no clock. `decide.py` composes four stages that do
not import each other: `candidates`, `volume`, `timing`, `policy`. To add an allocator, a pacer or a threshold rule,
write one function in its stage; its property tests find it.
"""
