"""Judge: assignment, holdouts, intervals, metrics and estimators; may import features, stores, events and
below.

To add a statistic, write one function over per-user sums in `stats`; for a predictor's metric, one in
`metrics`.
"""
