"""One arm in one world at one volume, as it is kept in a file; everything in it is simulated."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.features.segments import REACHES
from tactful.simulator.answers import EMAIL, PUSH
from tactful.simulator.bench.lifts import default_world
from tactful.simulator.closed_loop import Explored
from tactful.simulator.result import Result
from tactful.simulator.scoring import score, sends_per_user_week
from tactful.simulator.world import DefaultWorld

PARTS = 20
"""Parts of equal size into which people are put by their own visits a day: the world's truth, for display only."""


class ByReach(msgspec.Struct, frozen=True):
    """People by what they could be reached through at first; counts over the whole run."""

    people: int
    mails: int
    pushes: int
    mail_clicks: int
    push_clicks: int
    active_days: int


class Cell(msgspec.Struct, frozen=True):
    """A run's means over everyone, those who left included, unless said otherwise.

    Attributes:
        volume: messages a user and week that were asked for.
        daily_active, weekly_active: share of user-days, of user-weeks.
        opens: e-mails opened a user; of a push only the click is seen.
        unsubscribes: channels closed per 1,000 users.
        active_at_end: share of people active in the last seven days.
        reachable_at_end: share of people with a channel left, of those who had one when the run began.
        score: J, active days and the discounted active days to come.
        sends_by_visits: messages a user and week, by twentieth of own visits, the rarest visitors first.
        habit_by_visits: what the app used to send, likewise; nobody is asked whether she can still be reached.
    """

    arm: str
    seed: int
    users: int
    days: int
    volume: float
    sends_per_user_week: float
    mail_share: float
    daily_active: float
    weekly_active: float
    opens: float
    clicks_per_send: float
    unsubscribes: float
    active_at_end: float
    reachable_at_end: float
    active_days: float
    remaining_value: float
    score: float
    by_reach: dict[str, ByReach]
    sends_by_visits: tuple[float, ...]
    habit_by_visits: tuple[float, ...]


class BoundCell(msgspec.Struct, frozen=True):
    """What no policy can exceed in a world at a volume (`simulator/bound.py`): J a user, with and without messages.

    `price` is that of a message, in active days; `error` the standard error of what messages add.
    """

    seed: int
    volume: float
    value: float
    silence: float
    price: float
    error: float


def cell(result: Result, explored: Explored, seed: int, volume: float) -> Cell:
    """Returns what is kept of a run."""
    n, days = result.sends.shape
    sends = int(result.sends.sum())
    state, world = explored.rows, default_world(explored)
    open_at_first = (state["addresses"] & state["opt_in"] & ~state["blocked"]) > 0
    mails = int((result.sent.channel == EMAIL).sum())
    return Cell(
        arm=result.arm,
        seed=seed,
        users=n,
        days=days,
        volume=volume,
        sends_per_user_week=sends_per_user_week(result),
        mail_share=mails / max(sends, 1),
        daily_active=float(result.active.mean()),
        weekly_active=float(result.weekly_active.mean()),
        opens=float(result.opens.sum() / n),
        clicks_per_send=float(result.clicks.sum() / max(sends, 1)),
        unsubscribes=float(1000.0 * result.unsubscribes.sum() / n),
        active_at_end=float(result.active[:, -7:].any(axis=1).mean()),
        reachable_at_end=float((result.open_channels[open_at_first] > 0).mean()),
        active_days=float(result.active.sum(axis=1).mean()),
        remaining_value=float(result.remaining_value.mean()),
        score=float(score(result).mean()),
        by_reach={name: _of_reach(result, state["addresses"] & state["opt_in"], i) for i, name in enumerate(REACHES)},
        sends_by_visits=by_visits(world, result.sends.sum(axis=1) * 7.0 / days),
        habit_by_visits=by_visits(world, world.habit_per_week()),
    )


def by_visits(world: DefaultWorld, values: NDArray[np.float64]) -> tuple[float, ...]:
    """Returns the mean of each twentieth of people by own visits."""
    order = np.argsort(world.truth().people.visits, kind="stable")
    return tuple(float(values[part].mean()) for part in np.array_split(order, PARTS))


def _of_reach(result: Result, channels: NDArray[np.uint8], index: int) -> ByReach:
    mine = channels == index + 1  # bit masks: e-mail 1, push 2, both 3
    sent = mine[result.sent.user]
    mails = sent & (result.sent.channel == EMAIL)
    mail_clicks, push_clicks = result.clicks_by_channel[mine][:, [EMAIL, PUSH]].sum(axis=0)
    return ByReach(
        people=int(mine.sum()),
        mails=int(mails.sum()),
        pushes=int(sent.sum() - mails.sum()),
        mail_clicks=int(mail_clicks),
        push_clicks=int(push_clicks),
        active_days=int(result.active[mine].sum()),
    )
