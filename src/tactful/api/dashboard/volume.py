"""How many: sends against target, the price that holds them there, who has which budget, and what more would bring."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.controller_log import DAYS, Controlled, controlled
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.volume_pictures import Pictures, pictures_of
from tactful.api.endpoint import Endpoint
from tactful.api.service import Service
from tactful.clock import DAY_US, HOUR_US, from_us
from tactful.errors import BudgetsStand
from tactful.events.records import CHANNELS, BudgetPlan, decode
from tactful.features.segments import SEGMENTS
from tactful.runtime.allocating import VALUE_OF_PRICE, response_model
from tactful.runtime.budget_spread import DECIDERS, Sampled, sampled, spread
from tactful.runtime.frontier import Frontier, frontier
from tactful.runtime.intake import KIND_CODE
from tactful.runtime.people import people_of
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

WEEK: Final = 7
_PEOPLE: Final = 4_000
_PLANS: Final = 6
_PLANS_US: Final = 28 * DAY_US


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Sends and target of a channel, or of a segment on one; `week` are the last seven whole days, `before` the seven
    before them.

    `price` is the last one, `low` and `high` its bounds in the days shown; `lowered` the days of the week on which the
    target was lowered to what could be reached.
    """

    channel: str
    segment: str = ""
    week: float
    week_target: float
    before: float
    before_target: float
    price: float = 0.0
    low: float = 0.0
    high: float = 0.0
    lowered: int = 0


class Budgets(msgspec.Struct, frozen=True):
    """Weekly budgets of a segment, or of all: people, their mean, people by budget from 0 on, and by decider."""

    segment: str
    people: int
    mean: float
    by_budget: tuple[int, ...]
    by_decider: tuple[int, ...]


class Plan(msgspec.Struct, frozen=True):
    """One part of a budget plan that was accepted; `price` in active days per 1,000 messages."""

    at: datetime
    plan_id: str
    model_version: str
    people: int
    mean: float
    price: float


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the page.

    Attributes:
        channels, cells: sends and target by channel, and by segment and channel where there is either.
        budgets: all together first; `each` of the people read stands for so many, `as_of` when their states were saved.
        plans: those accepted last, the latest first.
        frontier: what more messages would bring; None with the reason in `no_frontier`.
    """

    channels: tuple[Sent, ...]
    cells: tuple[Sent, ...]
    budgets: tuple[Budgets, ...]
    each: int
    as_of: datetime | None
    plans: tuple[Plan, ...]
    frontier: Frontier | None
    no_frontier: str


def volume_of(store: Store, settings: Settings, now_us: int) -> tuple[Volume, Pictures]:
    """Returns what the store says of volume, and its pictures."""
    control, sample = controlled(store), sampled(store, _PEOPLE)
    curve, why = _frontier(store, settings, sample)
    found = Volume(
        channels=tuple(_channels(control)) if control else (),
        cells=tuple(_cells(control)) if control else (),
        budgets=tuple(_budgets(sample, settings)) if sample else (),
        each=sample.each if sample else 1,
        as_of=from_us(sample.as_of_us) if sample else None,
        plans=tuple(islice(_plans(store, now_us), _PLANS)),
        frontier=curve,
        no_frontier=why,
    )
    return found, pictures_of(control, {one.segment: one.by_budget for one in found.budgets}, curve)


async def show_volume(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the page."""
    now_us = service.clock.now_us()
    found, pictures = await service.ask(lambda store: volume_of(store, service.settings, now_us))
    return page(
        "volume",
        visitor,
        found=found,
        pictures=pictures,
        days=DAYS,
        deciders=DECIDERS,
        per_user_per_week=service.settings.volume.per_user_per_week,
        headroom=service.settings.volume.headroom,
        path=service.path.name,
    )


def _channels(control: Controlled) -> Iterator[Sent]:
    """Those with sends or a target in the days shown."""
    for code, channel in enumerate(CHANNELS):
        if (control.sent[:, :, code] + control.target[:, :, code]).any():
            yield _sent(control, slice(None), code, channel)


def _cells(control: Controlled) -> Iterator[Sent]:
    for s, h in np.argwhere((control.sent + control.target).sum(axis=0) > 0).tolist():
        price = control.price[:, s, h]
        known = price[np.isfinite(price)]
        made = _sent(control, slice(s, s + 1), h, CHANNELS[h], SEGMENTS[s])
        if len(known):
            bounds = {"price": float(known[-1]), "low": float(known.min()), "high": float(known.max())}
            made = msgspec.structs.replace(made, **bounds)
        yield made


def _sent(control: Controlled, segments: slice, channel: int, name: str, segment: str = "") -> Sent:
    whole = len(control.days) - int((control.at_us[-1] - HOUR_US) % DAY_US > 0)  # the last day may still run
    sent, target, lowered = (
        counts[:whole, segments, channel].sum(axis=1) for counts in (control.sent, control.target, control.saturated)
    )
    return Sent(
        channel=name,
        segment=segment,
        week=float(sent[-WEEK:].sum()),
        week_target=float(target[-WEEK:].sum()),
        before=float(sent[-2 * WEEK : -WEEK].sum()),
        before_target=float(target[-2 * WEEK : -WEEK].sum()),
        lowered=int((lowered[-WEEK:] > 0).sum()),
    )


def _budgets(sample: Sampled, settings: Settings) -> Iterator[Budgets]:
    """All together, then by segment."""
    found = spread(sample, settings)
    top = int(found.k.max(initial=0)) + 1
    for name, mine in [("all", found.segment >= 0), *((one, found.segment == i) for i, one in enumerate(SEGMENTS))]:
        if mine.any():
            by_budget = sample.each * np.bincount(found.k[mine], minlength=top)
            by_decider = sample.each * np.bincount(found.decider[mine], minlength=len(DECIDERS))
            people, mean = sample.each * int(mine.sum()), float(found.k[mine].mean())
            yield Budgets(name, people, mean, tuple(by_budget.tolist()), tuple(by_decider.tolist()))


def _plans(store: Store, now_us: int) -> Iterator[Plan]:
    """Parts of plans of the last weeks, the latest first."""
    code = KIND_CODE[BudgetPlan]
    for logged in reversed([one for one in store.inputs_of(0, now_us - _PLANS_US, now_us + 1) if one.kind == code]):
        plan = decode(logged.data)
        if isinstance(plan, BudgetPlan):
            budgets = np.frombuffer(plan.budgets, dtype=np.uint8)
            mean, price = float(budgets.mean()) if len(budgets) else 0.0, plan.price / VALUE_OF_PRICE
            yield Plan(from_us(logged.log_ts_us), plan.plan_id, plan.model_version, len(budgets), mean, price)


def _frontier(store: Store, settings: Settings, sample: Sampled | None) -> tuple[Frontier | None, str]:
    """The frontier by the response model that was trained last, or why there is none."""
    if sample is None:
        return None, "no states of people were saved yet"
    try:
        model = response_model(store)
    except BudgetsStand as error:
        return None, str(error)
    found = frontier(people_of(sample.rows, sample.as_of_us, settings), model, settings.volume.headroom)
    return found, "" if found else "everybody's budget is drawn at random"


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/volume", guarded(show_volume), None, "Budgets, prices, and volume.", shown=False),
)
