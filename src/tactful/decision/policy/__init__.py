"""Policy: whether to send, what, and through which channel, given scores, a threshold and a feasible set.

May import `tactful.features`, `tactful.events` and the ground (`errors`, `draws`, `clock`, `kernel`), never
another stage of the decision. To add a rule, write one pure function over arrays [n, c, h] (users due x pool
candidates x channels in the order of `records.CHANNELS`) and let `decision/decide.py` call it.
"""
