"""Runs in which only the hours differ: as many sends a day for everyone, in slots that were planned beforehand.

No budget, no pool, no threshold, no engine: plans in, what people did out. Volume is equal because everybody gets as
much, and `planned_sends.py` gives every plan the same messages. It costs seconds where the closed loop costs minutes.
Everything here is simulated.
"""

import copy
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from tactful import draws
from tactful.clock import DAY_US
from tactful.decision.timing.quiet_hours import quiet_slots
from tactful.decision.timing.send_time import plan
from tactful.events.registry import Registry
from tactful.simulator.columns import joined, pick
from tactful.simulator.exploration_log import ExplorationLog
from tactful.simulator.planned_sends import planned_sends
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns, UserColumns, World
from tactful.simulator.tally import SendFeatures
from tactful.simulator.visits import CLICK, DISABLE, OPEN, SESSION, UNSUBSCRIBE

SLOTS = 24


@dataclass(frozen=True)
class Stage:
    """A world at the instant at which plans begin.

    `open_channels` is what each user can still be reached through, a bitmask; `log` is the exploration before it.
    """

    world: World
    start_us: int
    open_channels: UInt8[np.ndarray, " n"]
    log: ExplorationLog


@dataclass(frozen=True)
class Lived:
    """What became of n users in d UTC days.

    Attributes:
        sends: what went out; what was planned for a channel that had been closed by then did not.
        opens, clicks, leaves: opened e-mails, clicks of either channel (a push shows no more), channels closed.
        active: whether there was any session.
        remaining_value: discounted active days to come, from the world's truth.
        sent: every send, by (instant, user).
    """

    sends: Int64[np.ndarray, " n"]
    opens: Int64[np.ndarray, " n"]
    clicks: Int64[np.ndarray, " n"]
    leaves: Int64[np.ndarray, " n"]
    active: Bool[np.ndarray, "n d"]
    remaining_value: Float64[np.ndarray, " n"]
    sent: SendColumns

    @property
    def score(self) -> Float64[np.ndarray, " n"]:
        """J by user: her active days, and what her reach and habit are worth at the end."""
        worth: Float64[np.ndarray, " n"] = self.active.sum(axis=1) + self.remaining_value
        return worth


def open_slots(users: UserColumns) -> Bool[np.ndarray, "n 24"]:
    """Returns the slots of each user's day that lie wholly outside her quiet hours: those that may be planned."""
    return ~quiet_slots(users.quiet_start, users.quiet_end)


def explore(world: World, days: int, seed: int) -> Stage:
    """Sends everyone one message a day for `days` local days, in one of her open slots, each as likely.

    It moves the world on by `days` and one more, in which the last of the local days end.
    """
    users, start = world.users(), world.start_us
    even, one, allowed = np.ones((users.n, SLOTS)), np.ones(users.n, dtype=np.int64), open_slots(users)
    luck = [draws.uniform(seed, users.user_key, day, "explored slot") for day in range(days)]
    plans = np.stack([plan(even, one, u, allowed=allowed) for u in luck])
    sent, seen, reach = _live(world, start, users.reach.copy(), planned_sends(world, start, plans, seed), days + 1)
    end = start + (days + 1) * DAY_US
    registry = Registry.shipped()
    type_of = np.array([registry.index(name) for name in world.types])
    unknown = SendFeatures(*(np.zeros((3, len(sent.user)), dtype=np.int64)))
    return Stage(world, end, reach, ExplorationLog(users, start, end, type_of, sent, unknown, seen))


def live(stage: Stage, plans: UInt8[np.ndarray, "days n 24"], seed: int) -> Lived:
    """Lives through the planned local days, and one UTC day more in which they end; the stage is left as it is.

    Args:
        plans: sends in each slot, 0 or 1, for consecutive local days.
        seed: of content and channels; the same for all runs that are compared.
    """
    world, n, days = copy.deepcopy(stage.world), stage.world.users().n, len(plans) + 1
    sends = planned_sends(world, stage.start_us, plans, seed)
    sent, seen, _ = _live(world, stage.start_us, stage.open_channels.copy(), sends, days)
    active = np.zeros((n, days), dtype=np.bool_)
    came = seen.kind == SESSION
    active[seen.user[came], (seen.at_us[came] - stage.start_us) // DAY_US] = True
    return Lived(
        sends=np.bincount(sent.user, minlength=n),
        opens=_count(seen, (OPEN,), n),
        clicks=_count(seen, (CLICK,), n),
        leaves=_count(seen, (UNSUBSCRIBE, DISABLE), n),
        active=active,
        remaining_value=world.truth().remaining_value(),
        sent=sent,
    )


def _live(
    world: World, start_us: int, reach: UInt8[np.ndarray, " n"], sends: SendColumns, days: int
) -> tuple[SendColumns, EngagementColumns, UInt8[np.ndarray, " n"]]:
    """Moves the world on: what went out, what people did, and what is open at the end (`reach`, written in place)."""
    ticks = start_us + np.arange(days * DAY_US // TICK_US) * TICK_US
    sent, seen = [SendColumns.none()], []
    for start, rows in zip(ticks.tolist(), np.searchsorted(sends.at_us, [ticks, ticks + TICK_US]).T, strict=True):
        due = pick(sends, np.arange(*rows))
        due = pick(due, (reach[due.user] >> due.channel.astype(np.uint8)) & 1 == 1)
        happened = world.respond(due, start, start + TICK_US)
        left = pick(happened, np.isin(happened.kind, (UNSUBSCRIBE, DISABLE)))
        np.bitwise_and.at(reach, left.user, ~(np.uint8(1) << left.channel.astype(np.uint8)))
        sent.append(due)
        seen.append(happened)
    return joined(sent), joined(seen), reach


def _count(seen: EngagementColumns, kinds: tuple[int, ...], n: int) -> Int64[np.ndarray, " n"]:
    return np.bincount(seen.user[np.isin(seen.kind, kinds)], minlength=n)
