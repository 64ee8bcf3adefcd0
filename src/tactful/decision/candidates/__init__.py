"""Which candidates may be told at all: eligibility, aggregation, daily generation, order of the items inside.

May import `features`, `events` and the ground, never another stage of the decision. To add a check, write one
function in `eligibility.py` that returns `Check`s and name its reason in `reasons.REASONS`; to add a source of the
daily candidates, extend `generate.py`.
"""
