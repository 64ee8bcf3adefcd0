"""The weekly budget in the engine: what counts to it, what it never blocks, and what is said of days without quota."""

from datetime import timedelta

import msgspec
import pytest

from stage import CALM, App, at, codes, person, told
from tactful.clock import WEEK_US, to_us
from tactful.events.records import BudgetAssignment, Decision
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import explain
from tactful.runtime.settings import Settings, Volume


def paced(**volume: object) -> Settings:
    return msgspec.structs.replace(CALM, volume=msgspec.convert({"per_user_per_week": 20.0, **volume}, Volume))


def budget(k: int) -> BudgetAssignment:
    return BudgetAssignment(assignment_id=f"k{k}", user_id="ann", period=0, k=k, at=at(0))


def in_any_week(sends: list[Decision]) -> int:
    """The most sends in any rolling week."""
    times = [to_us(d.at) for d in sends]
    return max((sum(t <= s < t + WEEK_US for s in times) for t in times), default=0)


def daily(app: App, days: int, k: int) -> None:
    """A recommendation at 9:00 and at 15:00 of each day, for somebody with a weekly budget of k."""
    app.submit(at(0), person(), budget(k))
    for day in range(days):
        for hour in (9, 15):
            when = at(24 * day + hour)
            app.submit(when, told(f"r{day}-{hour}", "recommendation", created=when))
    app.run(at(24 * days))


@pytest.mark.parametrize("accrual", ["even", "value"])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_no_rolling_week_exceeds_the_budget_and_five_weeks_reach_it(accrual: str, k: int) -> None:
    app = App(paced(accrual=accrual))
    daily(app, 35, k)
    sends = app.of("send")
    assert in_any_week(sends) <= k
    assert 5 * k - 2 <= len(sends) <= 5 * k


@pytest.mark.parametrize(("counts", "most"), [("ranked", 2), ("all", 0)])
def test_security_alerts_are_never_blocked_and_use_up_the_budget_only_if_they_count(counts: str, most: int) -> None:
    app = App(paced(counts=counts))
    app.submit(at(0), person(), budget(2))
    for hour in (9, 10, 11):
        app.submit(at(hour), told(f"s{hour}", "security_alert", created=at(hour)))
    for day in range(1, 6):
        when = at(24 * day + 9)
        app.submit(when, told(f"r{day}", "recommendation", created=when))
    app.run(at(24 * 6))
    types = [d.type for d in app.of("send")]
    assert types.count("security_alert") == 3
    assert types.count("recommendation") == most


def test_a_fortnight_without_candidates_is_followed_by_two_messages_a_day_at_most() -> None:
    app = App(paced())
    app.submit(at(0), person(), budget(7))
    for day in range(14, 21):
        for hour in (9, 12, 15, 18):
            when = at(24 * day + hour)
            app.submit(when, told(f"r{day}-{hour}", "new_follower", created=when))
    app.run(at(24 * 21))
    by_day = [sum(d.at.date() == at(24 * day).date() for d in app.of("send")) for day in range(14, 21)]
    assert max(by_day) <= 3
    assert sum(by_day) <= 7


def test_where_the_plan_leaves_nothing_no_job_runs_and_the_explanation_says_so() -> None:
    app = App(paced())
    daily(app, 5, 1)
    (sent,) = app.of("send")
    assert "pacing" not in {code for d in app.of("hold") for code in codes(d)}
    told_then = explain(gather(app.store, app.settings, "ann", sent.at))
    assert told_then.decision == sent
    assert "has no message left of the weekly budget, so no job runs" in told_then.next_opportunity
    next_day = explain(gather(app.store, app.settings, "ann", sent.at + timedelta(days=1)))
    assert next_day.decision is None
    assert "its plan has no message left of the weekly budget, so" in next_day.sentence
