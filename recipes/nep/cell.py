"""One arm in one world, as it is kept in a file; everything in it is simulated."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.features import standing
from tactful.features.segments import ACTIVITIES, REACHES
from tactful.simulator.closed_loop import Explored
from tactful.simulator.result import Result
from tactful.simulator.scoring import score, sends_per_user_week


class ByActivity(msgspec.Struct, frozen=True):
    """People by how active they were when the run began, all of its days counted."""

    people: int
    sends: int
    clicks: int
    unsubscribes: int
    active_days: int
    score: float


class Cell(msgspec.Struct, frozen=True):
    """A run's means over everyone, those who left included, unless said otherwise.

    Attributes:
        volume: messages a user and week that were asked for.
        worst_week: of the weeks but the first, the largest part by which one was off the volume.
        daily_active, weekly_active: share of user-days, of user-weeks.
        opens, clicks: e-mails opened, messages clicked a user; of a push only the click is seen.
        unsubscribes: channels closed per 1,000 users.
        score: J, active days and the discounted active days to come; `scores` is everybody's own, as 16-bit floats.
    """

    arm: str
    seed: int
    users: int
    days: int
    volume: float
    sends_per_user_week: float
    worst_week: float
    mail_share: float
    daily_active: float
    weekly_active: float
    opens: float
    clicks: float
    unsubscribes: float
    reachable_at_end: float
    active_days: float
    remaining_value: float
    score: float
    scores: bytes
    by_activity: dict[str, ByActivity]
    holds: dict[str, int]


def cell(result: Result, explored: Explored, seed: int, volume: float) -> Cell:
    """Returns what is kept of a run."""
    n, days = result.sends.shape
    state = explored.rows
    at_first = (state["addresses"] & state["opt_in"] & ~state["blocked"]) > 0
    j = score(result)
    return Cell(
        arm=result.arm,
        seed=seed,
        users=n,
        days=days,
        volume=volume,
        sends_per_user_week=sends_per_user_week(result),
        worst_week=_worst_week(result, volume),
        mail_share=float((result.sent.channel == 0).mean()) if len(result.sent.user) else 0.0,
        daily_active=float(result.active.mean()),
        weekly_active=float(result.weekly_active.mean()),
        opens=float(result.opens.sum() / n),
        clicks=float(result.clicks.sum() / n),
        unsubscribes=float(1000.0 * result.unsubscribes.sum() / n),
        reachable_at_end=float((result.open_channels[at_first] > 0).mean()),
        active_days=float(result.active.sum(axis=1).mean()),
        remaining_value=float(result.remaining_value.mean()),
        score=float(j.mean()),
        scores=j.astype("<f2").tobytes(),
        by_activity=_by_activity(result, explored, j),
        holds=result.holds,
    )


def of_each(cell: Cell) -> NDArray[np.float64]:
    """Returns everybody's J, to a hundredth or so."""
    return np.frombuffer(cell.scores, dtype="<f2").astype(np.float64)


def _by_activity(result: Result, explored: Explored, j: NDArray[np.float64]) -> dict[str, ByActivity]:
    now = np.full(len(explored.rows), result.start_us)
    activity = standing.segment(explored.rows, now).astype(np.int64) // len(REACHES)
    found: dict[str, ByActivity] = {}
    for i, name in enumerate(ACTIVITIES):
        mine = activity == i
        if mine.any():
            sums = {of: int(getattr(result, of)[mine].sum()) for of in ("sends", "clicks", "unsubscribes")}
            active = int(result.active[mine].sum())
            found[name] = ByActivity(people=int(mine.sum()), active_days=active, score=float(j[mine].mean()), **sums)
    return found


def _worst_week(result: Result, volume: float) -> float:
    n, days = result.sends.shape
    weeks = result.sends[:, : days // 7 * 7].reshape(n, -1, 7).sum(axis=(0, 2)) / n
    return float(np.abs(weeks[1:] / volume - 1.0).max(initial=0.0)) if volume else 0.0
