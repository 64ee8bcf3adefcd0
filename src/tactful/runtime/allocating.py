"""Allocates the week's budgets: scores everybody, solves for a total or a price, compares with today, makes the plan.

Reads a store and writes nothing; the plan is for the engine, which takes it from the store's mailbox.
A budget costs its own number of messages, not the number expected to be sent: the engine aims at the sum of the
budgets without the headroom, so only then does the volume come to what was asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Integer, UInt8

from tactful import draws
from tactful.clock import WEEK_US, from_us
from tactful.decision.volume.allocate import allocate, allocate_at_price, allocate_by_group
from tactful.errors import BudgetsStand, InfeasibleBudget, InvalidFeatures, InvalidModel, NotEnoughData
from tactful.events.budget_plan import budget_plan
from tactful.events.records import BudgetPlan
from tactful.features.segments import ACTIVITIES, REACHES, Activity
from tactful.features.volume import SCHEMA
from tactful.models import served
from tactful.models.volume_response import Responses, VolumeResponse, discounted_value
from tactful.runtime.allocation_report import AllocationReport, Solved
from tactful.runtime.comparing_budgets import expected, shifts, what_to_know
from tactful.runtime.people import People, refuse_silence, saved_people
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

MODEL_NAME: Final = "volume_response"
"""Under which a store keeps the response models."""
VALUE_OF_PRICE: Final = 1.0 / 7000.0
"""Value of a message a week at one active day per 1,000 sends: V counts active days a day, budgets are a week's."""


@dataclass(frozen=True)
class Ask:
    """What is asked for.

    Attributes:
        kind: `amount` is `total` messages a week, messages a week `per_user`, or a `price` in active days per 1,000.
        headroom: `volume.headroom` of the engine; budgets are allocated at the volume times (1 + headroom).
        k_min, k_max: least and largest budget; by default the largest that the model was trained on.
        together: one total for all reach segments.
        leaving: how many times as easily people of an activity leave as the models say (`volume.leaving`).
    """

    kind: Literal["total", "per_user", "price"]
    amount: float
    headroom: float
    k_min: int = 0
    k_max: int | None = None
    together: bool = False
    leaving: Mapping[Activity, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Allocated:
    """What came of it: the report, and the plan's parts."""

    report: AllocationReport
    plan: tuple[BudgetPlan, ...]


@dataclass(frozen=True)
class _Scored:
    """People whose budgets may change, what every budget does to them, and what it is worth."""

    people: People
    responses: Responses
    value: Float32[np.ndarray, "b n"]


@dataclass(frozen=True)
class _Answer:
    """Budgets of everybody, and what was solved by itself: names, group of each person, caps allowed, prices in V."""

    budget: UInt8[np.ndarray, " n"]
    names: tuple[str, ...]
    group: Int64[np.ndarray, " n"]
    allowed: tuple[float | None, ...]
    price: tuple[float, ...]


def response_model(store: Store, version: str | None = None) -> VolumeResponse:
    """Returns a response model of the store, the one trained last by default.

    Raises:
        BudgetsStand: there is none, its bytes are no such model, or it reads other features than this release makes.
    """
    saved = store.model(MODEL_NAME, version)
    if saved is None:
        wanted = f"response model {version}" if version else "response model"
        raise BudgetsStand(f"got a store without {wanted}; train one with `tactful train volume STORE`")
    try:
        model = served.load(saved.data)
        if not isinstance(model, VolumeResponse):
            raise InvalidModel(f"got a {type(model).__name__}, expected a VolumeResponse")
        model.expect_schema(SCHEMA)
    except (InvalidModel, InvalidFeatures) as error:
        raise BudgetsStand(
            f"response model {saved.version}: {error}; or name another one with --model, or train anew with "
            "`tactful train volume STORE`"
        ) from error
    return model


def fresh_people(store: Store, settings: Settings) -> People:
    """Returns everybody who can be reached.

    Raises:
        BudgetsStand: nothing new is known of them: no saved states, old ones, or a week without any engagement.
    """
    try:
        people = saved_people(store, settings)
        refuse_silence(people, int(store.load_meta("committed") or b"-1"))
    except NotEnoughData as error:
        raise BudgetsStand(str(error)) from error
    return people


def allocated(
    people: People,
    model: VolumeResponse,
    ask: Ask,
    sent: Float[np.ndarray, "3 trained"] | None = None,
    notes: tuple[str, ...] = (),
) -> Allocated:
    """Returns the budgets that make the most of what is asked for, with their report.

    People whose budget was drawn at random keep it and count towards nothing here, as in the engine's own target.
    Who wished for no more than so many a week gets no more, unless k_min is more; the rest of the total goes to others.
    By default every reach segment gets the share of the total that its budgets have today: pushed messages bring more
    activity each, so one total for all would move e-mail's volume into push.

    Args:
        people: who can be reached.
        model: of their responses.
        ask: how much.
        sent: messages a week to expect of every budget, by reach (`Fill.expected_sent`); None if not known.
        notes: what the report is to say besides.

    Raises:
        BudgetsStand: nobody is there to get a budget.
        InfeasibleBudget: the least budget for everyone costs more than the total, or than a segment's share.
        InvalidScores: a negative price, or k_min above k_max.
        OutsideTraining: k_max above the largest budget that was randomised.

    **Source**: segments solved apart, as in "Notification Volume Control and Optimization System at Pinterest"
    (KDD 2018). **Deviation**: shares are today's, since the paper does not say how it set them.
    """
    chosen = people.only(~people.drawn)
    if not len(chosen):
        raise BudgetsStand(
            f"got {people.known} users, of whom {len(people)} can be reached and {int(people.drawn.sum())} keep a "
            "budget drawn at random; expected somebody to give a budget to"
        )
    responses, value = worth(chosen, model, ask)
    scored = _Scored(chosen, responses, value)
    answer = _solved(scored, ask)
    plans = [_plan(chosen, answer, g, model.version) for g in range(len(answer.names))]
    report = _report(people, scored, ask, answer, [plan[0] for plan in plans], sent)
    report = msgspec.structs.replace(report, notes=report.notes + notes)
    return Allocated(report, tuple(part for plan in plans for part in plan))


def worth(people: People, model: VolumeResponse, ask: Ask) -> tuple[Responses, Float32[np.ndarray, "b n"]]:
    """Returns what every budget does to each person, and what it is worth: of some people the same as of all.

    Raises:
        OutsideTraining: k_max above the largest budget that was randomised.
    """
    k_max = model.k_trained if ask.k_max is None else ask.k_max
    responses = model.responses(people.features, people.reach, people.activity, k_max)
    if ask.leaving:
        responses = responses.leaving(np.array([ask.leaving.get(name, 1.0) for name in ACTIVITIES])[people.activity])
    return responses, _up_to_wishes(discounted_value(responses, model.gamma), people.wish)


def totals(
    ask: Ask, names: Sequence[str], people: Integer[np.ndarray, " g"], today: Float64[np.ndarray, " g"]
) -> Float64[np.ndarray, " g"]:
    """Returns the budgets that each group may have in all: its share of today's, with headroom.

    Args:
        ask: a total, or so many a user.
        names: of the groups.
        people: their number in each group.
        today: the sum of their budgets of today; if nobody has any, groups share by their people.

    Raises:
        InfeasibleBudget: the least budget for everyone of a group costs more than its share.
    """
    by = today if today.sum() > 0.0 else people.astype(np.float64)
    found: Float64[np.ndarray, " g"] = _volume(ask, int(people.sum())) * (1.0 + ask.headroom) * (by / by.sum())
    for name, n, total in zip(names, people.tolist(), found.tolist(), strict=True):
        if ask.k_min * n > total and not ask.together:  # of everybody together `allocate` says it
            raise InfeasibleBudget(
                f"got {total:,.0f} messages a week for the {n:,} people of {name}, its share of today's budgets, "
                f"but {ask.k_min} for each costs {ask.k_min * n:,}; ask for more, lower --k-min, or solve --together"
            )
    return found


def _up_to_wishes(value: Float32[np.ndarray, "b n"], wish: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "b n"]:
    """Values of budgets that are kept: the engine sends nobody more than she wished for, so more brings no more."""
    kept: Float32[np.ndarray, "b n"] = value.copy()
    wished = np.flatnonzero(wish >= 0)
    budget = np.minimum(np.arange(len(value))[:, None], wish[wished])
    kept[:, wished] = np.take_along_axis(value[:, wished], budget, axis=0)
    return kept


def _solved(scored: _Scored, ask: Ask) -> _Answer:
    """Budgets for what is asked."""
    people, value = scored.people, scored.value
    present, group = np.unique(people.reach, return_inverse=True)
    names = tuple(REACHES[reach] for reach in present.tolist())
    if ask.together:
        names, group = ("together",), np.zeros(len(people), dtype=np.int64)
    if ask.kind == "price":
        theta = ask.amount * VALUE_OF_PRICE
        budget = allocate_at_price(value, theta, ask.k_min).budget
        return _Answer(budget, names, group, (None,) * len(names), (theta,) * len(names))
    allowed = totals(ask, names, np.bincount(group), np.bincount(group, people.k))
    if ask.together:
        one = allocate(value, allowed[0], ask.k_min)
        return _Answer(one.budget, names, group, (float(allowed[0]),), (one.price,))
    each = allocate_by_group(value, group, allowed, ask.k_min)
    return _Answer(each.budget, names, group, tuple(allowed.tolist()), tuple(each.price.tolist()))


def _volume(ask: Ask, people: int) -> float:
    """Messages a week in all, of a total or of so many a user."""
    return ask.amount * people if ask.kind == "per_user" else ask.amount


def _plan(people: People, answer: _Answer, group: int, version: str) -> list[BudgetPlan]:
    """The plan of one group; its name is a hash of what it says, so that posting it again changes nothing."""
    mine, name, price = answer.group == group, answer.names[group], answer.price[group]
    users, budgets = people.key[mine], answer.budget[mine]
    said = f"{name}:{people.as_of_us}:{version}:{price.hex()}:".encode() + users.tobytes() + budgets.tobytes()
    return budget_plan(
        plan_id=f"{draws.key(said):016x}-{name}",
        period=people.as_of_us // WEEK_US,
        users=users,
        budgets=budgets,
        at=from_us(people.as_of_us),
        model_version=version,
        price=price,
    )


def _report(
    people: People,
    scored: _Scored,
    ask: Ask,
    answer: _Answer,
    plans: list[BudgetPlan],
    sent: Float[np.ndarray, "3 trained"] | None,
) -> AllocationReport:
    chosen, responses, value = scored.people, scored.responses, scored.value
    k_max = len(value) - 1
    today, new = np.minimum(chosen.k, k_max), answer.budget.astype(np.int64)
    before, after = (expected(responses, value, chosen.reach, k, sent) for k in (today, new))
    activities, segments = shifts(chosen, responses, today, new)
    volume = after.caps / (1.0 + ask.headroom) if ask.kind == "price" else _volume(ask, len(chosen))
    return AllocationReport(
        model_version=plans[0].model_version,
        as_of=plans[0].at,
        period=plans[0].period,
        goal=ask.kind,
        amount=ask.amount,
        volume=volume,
        headroom=ask.headroom,
        k_min=ask.k_min,
        k_max=k_max,
        people=len(chosen),
        unreachable=people.known - len(people),
        drawn=int(people.drawn.sum()),
        groups=tuple(
            Solved(
                name=name,
                plan_id=plans[g].plan_id,
                people=int((answer.group == g).sum()),
                caps_today=float(chosen.k[answer.group == g].sum()),
                caps_allowed=answer.allowed[g],
                caps=float(new[answer.group == g].sum()),
                price=answer.price[g] / VALUE_OF_PRICE,
            )
            for g, name in enumerate(answer.names)
        ),
        before=before,
        after=after,
        activities=activities,
        segments=segments,
        notes=what_to_know(chosen.k, k_max, after, volume),
    )
