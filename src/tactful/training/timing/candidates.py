"""The models that are tried: each as what it says of the judged days, and as what an engine would be given.

What is judged is what is served: heads and ONNX graph, not their trainers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful.features.slot_marks import HISTORY_DAYS
from tactful.models.protocol import SlotModel
from tactful.models.served_slots import Objective, ServedSlots
from tactful.models.slot_boosted import SlotBoosted
from tactful.models.slot_head import SlotHead
from tactful.training.timing.days import LocalDay
from tactful.training.timing.judge import Foretold
from tactful.training.timing.report import Name
from tactful.training.timing.simple import Simple

_CLICK, _ACTIVE = 0, 1  # heads of the graph
_AT_ONCE: Final = 2048
"""User-days foretold together: their windows are 16 KB each."""

Tell = Callable[[int, int], None]
"""Is told how many user-days have been foretold, and of how many."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fitted model.

    Attributes:
        name: by which it is asked for.
        foretold: what it says of the judged days.
        make: returns it for an objective, as the engine takes it.
        trees: of its forests.
    """

    name: Name
    foretold: Foretold
    make: Callable[[Objective], SlotModel]
    trees: int = 0


def histogram(simple: Simple, judged: Sequence[LocalDay]) -> Candidate:
    """Returns the smoothed histogram; chances of activity and clicks are her own smoothed rates."""

    def say(part: LocalDay) -> tuple[NDArray[np.float64], ...]:
        click = () if simple.click is None else (simple.click.own(part.window, "click"),)
        return simple.histogram.slots(part.counts), simple.active.own(part.window, "active"), *click

    return Candidate("histogram", _foretold(judged, say), lambda objective: simple.histogram)


def boosted(heads: Sequence[SlotHead], judged: Sequence[LocalDay], tell: Tell) -> Candidate:
    """Returns the boosted model of its heads: of the hour, of activity and, if there is a third, of clicks."""

    def say(part: LocalDay) -> tuple[NDArray[np.float64], ...]:
        return tuple(head.chances(part.window) for head in heads)

    return Candidate(
        "boosted",
        _foretold(judged, say, tell),
        lambda objective: SlotBoosted.of(HISTORY_DAYS, objective, heads),
        sum(len(head.forest.roots) for head in heads),
    )


def network(graph: bytes, seen_days: int, clicks: bool, judged: Sequence[LocalDay], tell: Tell) -> Candidate:
    """Returns the network of its exported graph; its click head counts only if clicks taught it."""
    served = ServedSlots(graph, "active")

    def say(part: LocalDay) -> tuple[NDArray[np.float64], ...]:
        window, unknown = part.window, np.full(len(part.present), -1)
        history, known, rest = window.history[:, :, :seen_days], window.known[:, :seen_days], window.rest[:, :seen_days]
        chances = served.chances(history, known, rest, window.today_rest, unknown)
        heads = chances.astype(np.float64)
        active = heads[..., _ACTIVE]
        told = (heads[..., _CLICK],) if clicks else ()
        return active / active.sum(axis=1, keepdims=True), active, *told

    return Candidate("network", _foretold(judged, say, tell), lambda objective: ServedSlots(graph, objective))


def _foretold(
    judged: Sequence[LocalDay],
    say: Callable[[LocalDay], tuple[NDArray[np.float64], ...]],
    tell: Tell = lambda done, user_days: None,
) -> Foretold:
    """Of everybody present, day by day, some at a time."""
    parts, done, total = [], 0, sum(int(day.present.sum()) for day in judged)
    for day in judged:
        people = np.flatnonzero(day.present)
        for start in range(0, len(people), _AT_ONCE):
            some = people[start : start + _AT_ONCE]
            parts.append(say(day.only(some)))
            done += len(some)
            tell(done, total)
    profile, active, *click = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Foretold(profile, active, click[0] if click else None)
