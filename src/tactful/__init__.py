"""Tactful decides what to notify each user about, when, how often, through which channel, and when not to.

Rooms, top to bottom (imports point down only): `cli`, `simulator`, `runtime` and `training`,
`models`, `decision`, `delivery` and `experiments`, `features` and `stores`, `events`.
"""

__version__ = "0.1.0"
