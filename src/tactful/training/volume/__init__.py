"""The responses to a weekly budget: who is active, who leaves, and what is left after leaving.

`log` is what they are learned from, `labels` what became of it, `randomised` refuses budgets that were not drawn
at random, `ladder` and `fit` make the models, `report` says how good they are, `plan` how much data is needed.
"""
