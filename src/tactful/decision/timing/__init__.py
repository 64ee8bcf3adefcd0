"""Timing: the slots of the local day for a user's sends and rank jobs, given predictions and constraints.

May import `features`, `events` and the ground, never another stage of the decision. To add a rule, write
one pure function over arrays [n, K] (users x slots of the local day) with a property test that its
constraints are kept.
"""
