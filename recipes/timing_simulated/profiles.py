"""What each source says of the slots of a user's day: simple predictors, the slot model, the world's truth.

A profile is [kinds, n, K]: kinds of days, by what comes after them, for a message lingers into the next day. Everything
is said once, at the end of the exploration, and holds for the whole run.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.clock import HOUR_US
from tactful.events.registry import Registry
from tactful.features.context import Zones, weekday
from tactful.models.slot_histogram import SlotHistogram, circular_kernel
from tactful.models.slot_model import ACTIVE, CLICK
from tactful.simulator.arms.fitted import clicks_by_hour, fitted_slots
from tactful.simulator.exploration_log import ExplorationLog, local_hour, send_rows, sessions_by_slot
from tactful.simulator.planned_sends import first_days
from tactful.simulator.protocol import SendColumns
from tactful.simulator.timing_only import SLOTS, Stage
from tactful.simulator.visits import CLICK as CLICKED
from tactful.simulator.visits import OPEN, SESSION

KIND_OF: Final = np.array([0, 0, 0, 0, 1, 2, 3])
"""Kind of each weekday from Monday on: work before work, Friday, Saturday, Sunday."""
KINDS: Final = 4
_REST: Final = np.array([0, 0, 1, 1])
"""Whether a kind of day is one of rest."""

_SMOOTHING_HOURS: Final = 1.0
"""That of the histogram by default; not chosen by any result."""

Profile: TypeAlias = NDArray[np.float64]


def simple(stage: Stage) -> Mapping[str, Profile]:
    """Returns what needs no network: the histogram whose strengths the clicks chose (the default), those of visits and
    of answers, each fitted to its own kind, and everyone's click rate by hour of sending."""
    log = stage.log
    rows = send_rows(log, Registry.shipped())
    found = {
        "histogram": fitted_slots(log, rows).slots(sessions_by_slot(log, 0, log.days)),
        "visits": _fitted(log, (SESSION,)),
        "answers": _fitted(log, (OPEN, CLICKED)),
        "everyone": np.tile(clicks_by_hour(log, rows), (log.users.n, 1)),
    }
    return {name: np.broadcast_to(p, (KINDS, *p.shape)) for name, p in found.items()}


def of_model(chances: NDArray[Any], name: str = "model") -> Mapping[str, Profile]:
    """Returns the readings of a model's two heads, [2, n, K, 2] for days of work and of rest; clicks smoothed as well.

    Args:
        name: of the source; its readings are named after it.
    """
    heads = chances.astype(np.float64)[_REST]
    near = circular_kernel(SLOTS, _SMOOTHING_HOURS)[(np.arange(SLOTS)[:, None] - np.arange(SLOTS)) % SLOTS]
    return {**_readings(name, heads[..., CLICK], heads[..., ACTIVE]), f"{name}_smooth": heads[..., CLICK] @ near}


def of_truth(stage: Stage) -> Mapping[str, Profile]:
    """Returns the three readings of the truth: the chance of a click by slot of sending, and of own visits by slot.

    The click is that of an ordinary message, the mean over the channels that each user had at first; fatigue, interest
    and quality scale all slots of a day alike, but for the limit of one.
    """
    users, first = stage.log.users, first_days(stage.log.users, stage.start_us)
    truth, zones, slots = stage.world.truth(), Zones.of(users.zones), np.arange(SLOTS)
    own = truth.organic(stage.start_us, 24 * 9)
    click, active = np.empty((2, KINDS, users.n, SLOTS))
    done = np.zeros((KINDS, users.n), dtype=np.bool_)
    for ahead in range(7):
        kind = KIND_OF[weekday(first + ahead)]
        at_us, _ = zones.slot_start_us(users.zone[:, None], (first + ahead)[:, None], slots)
        hour = (at_us - stage.start_us) // HOUR_US
        for one in range(KINDS):
            who = np.flatnonzero((kind == one) & ~done[one])
            done[one, who] = True
            click[one, who] = _click(stage, who, at_us[who])
            active[one, who] = own[who[:, None], hour[who]]
    return _readings("true", click, active)


def _fitted(log: ExplorationLog, kinds: tuple[int, ...]) -> Profile:
    """A smoothed histogram of some kinds of engagement; its strengths are chosen on the second half of the log."""
    mine = np.isin(log.seen.kind, kinds)
    user, at_us = log.seen.user[mine], log.seen.at_us[mine]
    later = at_us >= (log.start_us + log.end_us) // 2
    cell = user * SLOTS + local_hour(log.users, user, at_us)
    first, second = (
        np.bincount(cell[half], minlength=log.users.n * SLOTS).reshape(-1, SLOTS).astype(np.float64)
        for half in (~later, later)
    )
    return SlotHistogram.fit(first, second).slots(first + second)


def _readings(name: str, click: Profile, active: Profile) -> Mapping[str, Profile]:
    """Clicks; activity; and clicks of those who are not there by themselves in the slot."""
    return {name: click, f"{name}_active": active, f"{name}_new": click * (1.0 - active)}


def _click(stage: Stage, who: NDArray[np.int64], at_us: NDArray[np.int64]) -> Profile:
    users, m, truth = stage.log.users, at_us.size, stage.world.truth()
    total, channels = np.zeros(at_us.shape), np.bitwise_count(users.reach[who])
    for channel in (0, 1):
        sends = SendColumns(
            user=np.repeat(who, SLOTS),
            at_us=at_us.ravel(),
            channel=np.full(m, channel, dtype=np.int8),
            type=np.full(m, stage.world.types.index("recommendation"), dtype=np.int16),
            category=np.full(m, -1, dtype=np.int32),
            quality=np.full(m, 0.5, dtype=np.float32),
            candidate=np.zeros(m, dtype=np.int64),
            decision=np.zeros(m, dtype=np.int64),
        )
        total += truth.click_probability(sends).reshape(at_us.shape)
    mean: Profile = total / channels[:, None]
    return mean
