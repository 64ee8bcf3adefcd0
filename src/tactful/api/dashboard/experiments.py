"""Experiments: which run, and what one has found: sizes, volume, metrics, guardrails, intervals that always hold.

A winner is named only by an interval that holds at every look, and by nothing that stands against believing it.
"""

import asyncio
import shlex
from datetime import datetime
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tactful.api.dashboard.access import Visitor, guarded
from tactful.api.dashboard.frame import page
from tactful.api.dashboard.whiskers import band, reach, whisker
from tactful.api.endpoint import Endpoint
from tactful.api.query import parameters
from tactful.api.service import Service
from tactful.clock import from_us
from tactful.experiments.comparison import UNEQUAL, Comparison, Measured
from tactful.experiments.design import Experiment
from tactful.experiments.interval import Interval
from tactful.runtime.experiments_in_force import listed

SOON_S: Final = 0.3
"""How long a page waits for a count: that of a small store is over by then."""
_UNFIT: Final = 0.001
"""Below this chance, sizes do not fit shares (`experiments.assign.sample_ratio_p`)."""
_LOOKS: Final = 3
"""From so many days on, the picture of the days is drawn."""

State = Literal["planned", "running", "ended"]
Volume = Literal["equal", "unequal", "not told yet"]


class Listed(msgspec.Struct, frozen=True):
    """A line of the list; `says` is what was counted last, "" before anybody looked."""

    experiment: Experiment
    state: State
    says: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A report as the page shows it.

    `volumes` say of every arm but the control whether it sends alike, and by how much; `metrics` have their interval
    drawn, on a scale from -`scale` to `scale`, and in words; `days` draws how the first of them went, "" for too few.
    """

    found: Comparison
    counted_at: datetime
    says: str
    fits: bool
    volumes: tuple[tuple[Volume, str], ...]
    scale: float
    metrics: tuple[tuple[Measured, str, str], ...]
    days: str


async def show_experiments(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with the list, the latest start first."""
    now = from_us(service.clock.now_us())
    known = await service.ask(listed)
    counts = {one.name: service.experiment_counts.latest(one.name) for one in known}
    rows = [
        Listed(one, state(one, now), verdict(count.found) if (count := counts[one.name]) and count.found else "")
        for one in sorted(known, key=lambda one: (one.started_at is None, one.started_at or now), reverse=True)
    ]
    store = shlex.quote(str(service.path))
    return page("experiments", visitor, rows=rows, holdout=service.settings.holdout.share, store=store)


async def show_experiment(request: Request, service: Service, visitor: Visitor) -> Response:
    """Answers with one experiment; its report is counted in the background, and the page comes back for it."""
    parameters(request, ())
    name, now_us = request.path_params["name"], service.clock.now_us()
    experiment = next((one for one in await service.ask(listed) if one.name == name), None)
    if experiment is None:
        return page("no_experiment", visitor, 404, experiment=name)
    now, under_way = state(experiment, from_us(now_us)), None
    if now != "planned":
        under_way = service.experiment_counts.ask(experiment, now_us)
    if under_way is not None and await asyncio.to_thread(under_way.wait, SOON_S):
        under_way = None
    count = service.experiment_counts.latest(name)
    return page(
        "experiment",
        visitor,
        experiment=experiment,
        state=now,
        counting=under_way is not None,
        fault=count.fault if count else "",
        told=told_of(count.found, count.asked_us) if count and count.found else None,
        store=shlex.quote(str(service.path)),
        quoted=shlex.quote(name),
    )


def told_of(found: Comparison, counted_us: int) -> Told:
    """Returns what the page says of a report that was asked for at an instant."""
    scale = reach([one.watched for one in found.measured])
    return Told(
        found=found,
        counted_at=from_us(counted_us),
        says=verdict(found),
        fits=found.sample_ratio_p >= _UNFIT,
        volumes=tuple((volume(one), percent(one) if one else "") for one in found.sends_lift),
        scale=scale,
        metrics=tuple(
            (one, whisker(one.watched, scale) if one.watched else "", percent(one.watched)) for one in found.measured
        ),
        days=_days(found),
    )


def state(experiment: Experiment, now: datetime) -> State:
    """Returns whether an experiment runs at an instant."""
    if experiment.ended_at is not None and experiment.ended_at <= now:
        return "ended"
    return "running" if experiment.started_at is not None and experiment.started_at <= now else "planned"


def volume(lift: Interval | None) -> Volume:
    """Returns whether an arm sends as much a user as the control: surely, surely not, or nobody knows yet."""
    if lift is None:
        return "not told yet"
    if lift.low > UNEQUAL or lift.high < -UNEQUAL:
        return "unequal"
    return "equal" if lift.low >= -UNEQUAL and lift.high <= UNEQUAL else "not told yet"


def verdict(found: Comparison) -> str:
    """Returns what the first metric says in a sentence; no arm is named where something stands against it."""
    if found.sample_ratio_p < _UNFIT:
        return "No arm is named: the arms' sizes do not fit their shares, so something loses or doubles users."
    harmful = [one for one in found.guardrails if one.verdict == "broken"]
    if harmful:
        return f"End it: {harmful[0].arm} has more {harmful[0].metric} than was agreed."
    if not found.measured:
        return "It compares nothing: no metric was named when it began."
    first = [one for one in found.measured if one.metric == found.measured[0].metric]
    told = [one for one in first if one.watched is not None and not one.watched.low <= 0.0 <= one.watched.high]
    if not told:
        return f"No arm is told from the control yet in {first[0].metric}: the intervals hold 0."
    unequal = [arm for arm, lift in zip(found.arms[1:], found.sends_lift, strict=True) if volume(lift) == "unequal"]
    sentence = "; ".join(_more(one) for one in told) + ", at every look."
    if "/" not in first[0].metric and any(one.arm in unequal for one in told):
        return f"No arm is named: {sentence[:-1]} But the arms do not send alike, so amounts are compared, too."
    return sentence


def _more(one: Measured) -> str:
    assert one.watched is not None
    than = "more" if one.watched.value > 0.0 else "less"
    return f"{one.arm} has {than} {one.metric} than the control: {percent(one.watched)}"


def percent(interval: Interval | None) -> str:
    """Returns a lift with its interval in %.

    >>> percent(Interval(0.051, -0.01, 0.112))
    '+5.1 % [-1.0, +11.2]'
    """
    if interval is None:
        return "the control has none"
    value, low, high = (f"{100 * part:+.1f}" for part in interval)
    return f"{value} % [{low}, {high}]"


def _days(found: Comparison) -> str:
    """How the first metric of the first treated arm went, drawn; "" for too few days."""
    if not found.measured:
        return ""
    first = found.measured[0]
    looks = [one for one in found.looks if (one.arm, one.metric) == (first.arm, first.metric)]
    if len(looks) < _LOOKS:
        return ""
    return band(
        looks, f"{first.metric} of {first.arm} against the control, from day to day; now {percent(first.watched)}"
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/dashboard/experiments", guarded(show_experiments), None, "All experiments.", shown=False),
    Endpoint("GET", "/dashboard/experiments/{name}", guarded(show_experiment), None, "One experiment.", shown=False),
)
