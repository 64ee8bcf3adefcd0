"""The pictures of the page of volume: days against their target, prices over time, the frontier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from markupsafe import Markup

from tactful.api.dashboard.charts import Curve, against, curves, line
from tactful.api.dashboard.controller_log import Controlled
from tactful.api.dashboard.sparkline import bars
from tactful.clock import EPOCH
from tactful.events.records import CHANNELS
from tactful.features.segments import SEGMENTS
from tactful.runtime.frontier import Frontier

_EVERY: Final = 6
"""Hours between the points of a price's line: a price is slow."""


@dataclass(frozen=True)
class Pictures:
    """Days by channel, prices by (segment, channel), budgets by segment; and the frontier, "" where there is none."""

    days: dict[str, Markup]
    prices: dict[tuple[str, str], Markup]
    budgets: dict[str, Markup]
    frontier: Markup


def pictures_of(control: Controlled | None, budgets: Mapping[str, Sequence[int]], found: Frontier | None) -> Pictures:
    """Returns the pictures of what there is; `budgets` are people by budget, from 0 on, of each segment."""
    return Pictures(
        days={} if control is None else {name: _days(control, code) for code, name in enumerate(CHANNELS)},
        prices={} if control is None else _prices(control),
        budgets={name: bars(people, _told(people)) for name, people in budgets.items()},
        frontier=Markup() if found is None else _frontier(found),
    )


def _days(control: Controlled, channel: int) -> Markup:
    sent, target = (counts[:, :, channel].sum(axis=1).tolist() for counts in (control.sent, control.target))
    first, last = (f"{EPOCH + timedelta(days=int(control.days[i])):%d %b}" for i in (0, -1))
    told = ", ".join(f"{s:.0f} of {t:.0f}" for s, t in zip(sent, target, strict=True))
    return against(sent, target, f"sends of {CHANNELS[channel]} of target by day, {first} to {last}: {told}")


def _prices(control: Controlled) -> dict[tuple[str, str], Markup]:
    used = np.argwhere((control.sent + control.target).sum(axis=0) > 0).tolist()
    return {
        (SEGMENTS[s], CHANNELS[h]): line(
            control.price[::-_EVERY, s, h][::-1], f"price of {SEGMENTS[s]} on {CHANNELS[h]} over the days shown"
        )
        for s, h in used
    }


def _told(people: Sequence[int]) -> str:
    return f"people with a weekly budget of 0 to {len(people) - 1}: {', '.join(map(str, people))}"


def _frontier(found: Frontier) -> Markup:
    best, alike = ([(point.per_user, point.active_days) for point in some] for some in (found.allocated, found.alike))
    here = found.today.per_user, found.today.active_days
    words = (
        f"expected active days a person and week: {best[0][1]:.3f} without messages, {best[-1][1]:.3f} at "
        f"{best[-1][0]:.2f} messages a person and week, allocated; {here[1]:.3f} at {here[0]:.2f} with today's budgets"
    )
    lines = [Curve("alike", alike), Curve("curve", best)]
    return curves(lines, here, "today", "messages a person and week", "active days a person and week", words)
