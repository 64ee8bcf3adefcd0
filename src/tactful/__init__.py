"""Tactful decides what to notify each user about, when, how often, through which channel, and when not to.

Rooms, top to bottom (imports point down only): `cli`; `simulator`; `runtime`; `models`, `decision`, `delivery` and
`experiments`; `features` and `stores`; `events`; and the ground: `errors`, `draws`, `clock`, `telemetry`, `kernel`.
"""

__version__ = "0.1.0"
