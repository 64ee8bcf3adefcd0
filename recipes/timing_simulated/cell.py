"""A rule on a source at a quota in a world, as it is kept on a line of a file; everything in it is simulated."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.features.context import weekday
from tactful.simulator.planned_sends import first_days
from tactful.simulator.timing_only import SLOTS, Lived, Stage, live, open_slots
from timing_simulated.profiles import KIND_OF, Profile
from timing_simulated.rules import RULES


class Cell(msgspec.Struct, frozen=True):
    """Means over everyone, those whose channels are closed included, unless said otherwise.

    Attributes:
        rule, source: of `rules.RULES` and of the profiles; "" for rules that read none, and for silence.
        q: sends planned a user and day.
        sends: what went out a user and day.
        opens, clicks: a user, over the run; of a push only its click is seen.
        leaves: channels closed per 1,000 users.
        daily_active: share of user-days.
        score: J a user; `remaining_value` is its part after the run.
        promise: true chance of a click of an ordinary message, a planned send, at the tiredness of the start.
        by_slot: share of the planned sends in each slot of the users' own days.
    """

    rule: str
    source: str
    q: int
    seed: int
    users: int
    days: int
    sends: float
    opens: float
    clicks: float
    leaves: float
    daily_active: float
    remaining_value: float
    score: float
    promise: float
    by_slot: tuple[float, ...]


class Ceiling(msgspec.Struct, frozen=True):
    """What no way of notifying can add to silence in expectation: J a user, at `per_week` messages; simulated.

    `error` is the standard error of the gain, for it is computed on some of the people.
    """

    seed: int
    per_week: float
    gain: float
    error: float


def plans(stage: Stage, rule: str, p: Profile, q: int, days: int, seed: int) -> NDArray[np.uint8]:
    """Returns [days, n, K]: a rule's plans of consecutive local days, the start of each drawn by hash."""
    users, first = stage.log.users, first_days(stage.log.users, stage.start_us)
    allowed, quota, everyone = open_slots(users), np.full(users.n, q), np.arange(users.n)
    made = []
    for day in range(days):
        u = draws.uniform(seed, users.user_key, first + day, "slot start")
        made.append(RULES[rule](np.ascontiguousarray(p[KIND_OF[weekday(first + day)], everyone]), allowed, quota, u))
    return np.stack(made)


def silence(stage: Stage, days: int, seed: int) -> Cell:
    """Lives through days without a message."""
    nothing = np.zeros((days, stage.log.users.n, SLOTS), dtype=np.uint8)
    return _cell("silence", "", 0, seed, live(stage, nothing, seed), nothing, None)


def lived(stage: Stage, rule: str, source: str, p: Profile, true: Profile, q: int, days: int, seed: int) -> Cell:
    """Plans and lives through days; `true` is the truth's profile of clicks, which only the promise reads."""
    made = plans(stage, rule, p, q, days, seed)
    kind = KIND_OF[weekday(first_days(stage.log.users, stage.start_us) + np.arange(days)[:, None])]
    chance = true[kind, np.arange(stage.log.users.n)]
    return _cell(rule, source, q, seed, live(stage, made, seed), made, float(chance[made > 0].mean()))


def _cell(
    rule: str, source: str, q: int, seed: int, run: Lived, made: NDArray[np.uint8], promise: float | None
) -> Cell:
    days, n, _ = made.shape
    return Cell(
        rule=rule,
        source=source,
        q=q,
        seed=seed,
        users=n,
        days=days,
        sends=_short(run.sends.sum() / (n * days)),
        opens=_short(run.opens.mean()),
        clicks=_short(run.clicks.mean()),
        leaves=_short(1000.0 * run.leaves.mean()),
        daily_active=_short(run.active.mean()),
        remaining_value=_short(run.remaining_value.mean()),
        score=_short(run.score.mean()),
        promise=_short(promise or 0.0),
        by_slot=tuple(_short(x) for x in made.sum(axis=(0, 1)) / max(1, int(made.sum()))),
    )


def read(folder: Path) -> list[Cell]:
    """Returns the cells of a folder, in the order of their files and lines."""
    lines = [line for path in sorted(folder.glob("seed-*.ndjson")) for line in path.read_bytes().splitlines()]
    return [msgspec.json.decode(line, type=Cell) for line in lines]


def ceilings(folder: Path) -> list[Ceiling]:
    """Returns the ceilings of a folder."""
    return [msgspec.json.decode(file.read_bytes(), type=Ceiling) for file in sorted(folder.glob("bound-*.json"))]


def _short(number: float) -> float:
    """Seven digits keep files small."""
    return float(f"{float(number):.7g}")
