"""What is known of a person when her weekly budget is chosen: the covariates of the volume response models.

They describe her before the budget holds, and are frozen when it is assigned: seen again within the eight weeks they
would carry what the budget did to her, and the models would credit the habit with it. Rates instead of counts of
sends, since a count would betray the budget of before. The budget itself is not among them, nor anything that a day's
plan changes: online they are read after it. Not here: the segment (`standing.segment`).
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import DAY_US
from tactful.events.records import CHANNELS
from tactful.features.history import N_CHANNELS
from tactful.features.standing import active_days

State = NDArray[Any]
"""Rows of `history.ROW`."""

WINDOWS: Final = (7, 14, 28, 56)
"""Whole UTC days before today over which active days are counted."""
MAX_TENURE_DAYS: Final = 730
CLICK_PRIOR, OPEN_PRIOR, PRIOR_SENDS = 0.05, 0.1, 10.0
"""What is expected of a channel without sends, and for how many sends that counts."""
WEEKEND_PRIOR, PRIOR_DAYS = 2 / 7, 3.5

NAMES: Final[tuple[str, ...]] = (
    *(f"active_days_{days}" for days in WINDOWS),
    *("days_since_active", "tenure_days", "weekend_share", "click_rate"),
    *(f"click_rate_{channel}" for channel in CHANNELS),
    *(f"open_rate_{channel}" for channel in CHANNELS),
    *(f"reached_by_{channel}" for channel in CHANNELS),
    "channels_left",
)
"""The features in their order; `active_days_7` and its like come first."""
SCHEMA: Final = f"{draws.key(','.join(NAMES)):016x}"
"""Names this order of features: a model refuses rows of another."""

_AT_ONCE: Final = 32_768
"""Rows handled at a time, so that the days of a million people need no gigabyte."""


def volume_features(state: State, now_us: Int[np.ndarray, " n"]) -> Float32[np.ndarray, "n f"]:
    """Returns the features of each person at an instant, one column a name of `NAMES`; all finite.

    Active days are counted over whole UTC days before today's; `days_since_active` is 0 for today and 57 if she was not
    seen in eight weeks. Rates are shrunk, `(x + w·m) / (n + w)`: a person without sends has the prior m. The week-end
    is Saturday and Sunday in UTC. `channels_left` counts channels that she once opened and then closed.

    Args:
        state: user rows, n of them; they are not changed.
        now_us: when the budget is assigned, for each of them.

    >>> from tactful.features.history import UserTable
    >>> table = UserTable()
    >>> _ = table.ensure(np.array([7], dtype=np.uint64), np.array([0]))
    >>> dict(zip(NAMES, volume_features(table.rows, np.array([3 * DAY_US]))[0].tolist()))["tenure_days"]
    3.0
    """
    found = np.empty((len(state), len(NAMES)), dtype=np.float32)
    for start in range(0, len(state), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = _features(state[part], now_us[part])
    return found


def _features(state: State, now_us: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n f"]:
    seen = active_days(state, now_us, WINDOWS[-1] + 1)
    past = seen[:, 1:]
    ago = np.where(seen.any(axis=1), seen.argmax(axis=1), WINDOWS[-1] + 1)
    tenure = np.clip((now_us - state["signup"]) // DAY_US, 0, MAX_TENURE_DAYS)
    weekday = ((now_us // DAY_US)[:, None] - np.arange(1, WINDOWS[-1] + 1) + 3) % 7
    at_weekend = (past & (weekday >= 5)).sum(axis=1)
    open_to = (state["addresses"] & state["opt_in"]).astype(np.int64)
    blocked = state["blocked"].astype(np.int64)
    sends, clicks, opens = state["n_sends"], state["n_clicks"], state["n_opens"]
    columns = [
        *(past[:, :days].sum(axis=1) for days in WINDOWS),
        *(ago, tenure, _shrunk(at_weekend, past.sum(axis=1), WEEKEND_PRIOR, PRIOR_DAYS)),
        _shrunk(clicks.sum(axis=1), sends.sum(axis=1), CLICK_PRIOR, PRIOR_SENDS),
        *_shrunk(clicks, sends, CLICK_PRIOR, PRIOR_SENDS).T,
        *_shrunk(opens, sends, OPEN_PRIOR, PRIOR_SENDS).T,
        *((open_to & ~blocked) >> channel & 1 for channel in range(N_CHANNELS)),
        np.bitwise_count(open_to & blocked),
    ]
    return np.stack(columns, axis=1, dtype=np.float64)


def _shrunk(x: Int[np.ndarray, "*d"], n: Int[np.ndarray, "*d"], mean: float, weight: float) -> Float[np.ndarray, "*d"]:
    """Rates shrunk towards a mean; one message may be clicked twice, so at most 1."""
    rates: NDArray[np.float64] = np.minimum((x + weight * mean) / (n + weight), 1.0)
    return rates
