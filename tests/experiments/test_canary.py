"""A canary grows on exposure, is taken back on harm, and is hardly ever taken back without."""

import numpy as np
import pytest

from tactful.errors import InvalidExperiment
from tactful.experiments.canary import FALSE_ALARM, Canary, Evidence, Guard, Plan, guards, step
from tactful.experiments.interval import Interval
from tactful.experiments.sums import sums_of

COLUMNS = ("unsubscribes", "complaints")
NEW = Canary(experiment="canary-1", version="b", before="a", plan=Plan())


def guard(low: float, events: int = 50) -> Guard:
    return Guard("unsubscribes", 0.01, 0.03, Interval(low + 0.01, low, low + 0.02), events)


def seen(days: float = 3.0, sends: int = 600, low: float = -0.01, events: int = 50, p: float = 0.5) -> Evidence:
    return Evidence(days, (9000, 100), sends, p, (guard(low, events),))


def test_a_canary_grows_stage_by_stage_and_is_promoted_after_the_last() -> None:
    canary, shares = NEW, [NEW.share]
    while canary.status == "running":
        canary = step(canary, seen())
        shares.append(canary.share)
    assert shares == [0.01, 0.05, 0.25, 1.0]
    assert canary.status == "promoted"
    with pytest.raises(InvalidExperiment, match="promoted"):
        step(canary, seen())


def test_harm_takes_it_back_at_any_stage_and_at_any_look() -> None:
    for canary in (NEW, step(NEW, seen())):
        after = step(canary, seen(days=0.5, sends=1, low=0.001))
        assert (after.status, after.share) == ("rolled_back", 0.0)
        assert after.reason.startswith("unsubscribes: 0.03 a user, the others 0.01")


def test_too_little_exposure_leaves_it_where_it_is_with_the_reason() -> None:
    for evidence, reason in (
        (seen(days=2.9), "2.9 of 3 days are in"),
        (seen(sends=300), "300 of 500 messages are in, 100 a day"),
        (seen(p=1e-6), "sizes do not fit the shares"),
    ):
        after = step(NEW, evidence)
        assert (after.status, after.stage) == ("running", 0)
        assert reason in after.reason


def test_a_handful_of_events_breaks_no_guardrail() -> None:
    assert step(NEW, seen(low=0.001, events=4)).status == "running"
    assert step(NEW, seen(low=0.001, events=5)).status == "rolled_back"


def looked(rate: tuple[float, float], rng: np.random.Generator, users: tuple[int, int] = (1200, 240)) -> str:
    """A stage of three days, looked at six times, after which it is over."""
    n = sum(users)
    arm = np.repeat([0, 1], users)
    total = np.zeros((n, 2))
    canary = Canary(experiment="canary-1", version="b", before="a", plan=Plan(stages=(0.1,), least_sends=0))
    for look in range(1, 7):
        total[:, 0] += rng.random(n) < np.array(rate)[arm] / 2.0
        days = look / 2.0
        found = guards(sums_of(total, arm, 2), COLUMNS, days, canary.plan)
        canary = step(canary, Evidence(days, users, 0, 1.0, found))
        if canary.status != "running":
            break
    return canary.status


def test_a_guardrail_of_a_canary_has_its_own_margin() -> None:
    arm = np.repeat([0, 1], 2_000)
    left = np.arange(4_000) % 10 < 1 + arm  # .1 of the others, .2 of the canary's
    sums = sums_of(np.stack([left, np.zeros(4_000)], axis=1).astype(float), arm, 2)
    broken = [guards(sums, COLUMNS, 3.0, Plan(margins=margins))[0].broken for margins in ({}, {COLUMNS[0]: 2.0})]
    assert broken == [True, False]
    with pytest.raises(InvalidExperiment, match="margins for some of"):
        Plan(margins={"clicks": 0.1})


def test_a_harmless_canary_is_hardly_ever_taken_back_however_often_it_is_looked_at() -> None:
    rng = np.random.default_rng(7)
    taken = sum(looked((0.05, 0.05), rng) == "rolled_back" for _ in range(120))
    assert taken <= 120 * FALSE_ALARM


def test_a_canary_that_trebles_what_people_leave_by_is_taken_back() -> None:
    rng = np.random.default_rng(8)
    taken = sum(looked((0.04, 0.12), rng, (4000, 400)) == "rolled_back" for _ in range(15))
    assert taken >= 12


def test_plans_that_make_no_sense_are_refused() -> None:
    for stages in ((), (0.5, 0.1), (0.5, 1.0), (0.0, 0.5)):
        with pytest.raises(InvalidExperiment, match="shares that rise"):
            Plan(stages=stages)
