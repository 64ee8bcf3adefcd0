"""The plan of a day in the engine: windows, clocks that change, people who travel, jobs that say no."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from stage import CALM, App, act, at, codes, person, told, with_rules
from tactful.clock import to_us
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.protocol import Failed, RetryAfter
from tactful.delivery.send import Sender
from tactful.errors import InvalidScores
from tactful.events.records import Control, SlotPlan, decode
from tactful.features.segments import SEGMENTS
from tactful.models.protocol import SlotScores
from tactful.runtime.logbook import planned_by_hour
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Timing, Volume
from tactful.runtime.steps import PlanRequest

BERLIN, NO_QUIET = ZoneInfo("Europe/Berlin"), {"quiet_start_minute": 0, "quiet_end_minute": 0}


def plans(app: App) -> list[SlotPlan]:
    """Returns every plan on record, in order."""
    found = [decode(row.data) for row in app.store.plans_between(0, 1 << 62)]
    return [plan for plan in found if isinstance(plan, SlotPlan)]


def number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def test_outside_the_apps_windows_only_what_is_critical_goes_out() -> None:
    app = App(with_rules(send_windows=("10:00-12:00", "15:00-16:00")))
    app.submit(at(7), person())
    app.submit(at(9), told("c1", created=at(9)))
    app.submit(at(9.25), told("c2", "security_alert", created=at(9.25)))
    app.run(at(9.5))
    assert [(d.candidate_id, d.at) for d in app.of("send")] == [("c2", at(9.25))]
    app.run(at(24))
    (held,) = [d for d in app.of("hold") if d.at == at(9)]
    assert codes(held) == ["send_window"]
    assert (held.reasons[0].number, held.reasons[0].limit) == (540.0, 600.0)
    assert [d.candidate_id for d in app.of("send")] == ["c2", "c1"]
    assert app.of("send")[1].at.hour in (10, 11, 15)
    assert {slot for plan in plans(app) for slot in plan.jobs} == {10, 11, 15}


def test_a_message_does_not_outlast_the_apps_window() -> None:
    app = App(with_rules(send_windows=("10:00-12:00",)))
    app.submit(at(8), person())
    app.submit(at(11.9), told("c1", created=at(11.9)))
    app.run(at(11.95))
    assert len(app.of("send")) == 1
    sender = Sender(app.store, {"push": MemoryChannel()}, app.engine.registry)
    assert dict(sender.run(to_us(at(12.02)), 100).counts) == {"expired": 1}


@pytest.mark.parametrize(("sunday", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_of_23_or_25_hours_is_planned_once_and_every_job_runs_in_its_slot(sunday: date, hours: int) -> None:
    midnight = datetime(sunday.year, sunday.month, sunday.day, tzinfo=BERLIN).astimezone(UTC)
    app = App(with_rules(**NO_QUIET, gap_minutes=0, daily_cap=12), start=midnight - timedelta(days=1))
    app.submit(midnight - timedelta(hours=12), person(timezone="Europe/Berlin"))
    for hour in range(-6, 30, 2):
        when = midnight + timedelta(hours=hour)
        app.submit(when, told(f"c{hour}", "recommendation", created=when))
    app.run(midnight + timedelta(hours=36))
    (plan,) = [plan for plan in plans(app) if plan.day == number(sunday)]
    (following,) = [plan for plan in plans(app) if plan.day == number(sunday) + 1]
    assert following.at - plan.at == timedelta(hours=hours)
    ran = [d for d in app.decisions if d.action != "drop" and plan.at <= d.at < following.at]
    assert len(ran) >= 3
    assert all(d.slot == d.at.astimezone(BERLIN).hour and d.slot in plan.jobs for d in ran)
    assert hours == 25 or 2 not in plan.jobs


def test_who_travels_is_planned_anew_in_her_new_zone() -> None:
    app = App(with_rules(quiet_start_minute=20 * 60, quiet_end_minute=9 * 60))
    app.submit(at(5), person(timezone="Europe/Berlin"))
    app.submit(at(10), person(timezone="America/New_York"))
    app.submit(at(10), *(told(f"c{i}", "recommendation", created=at(10)) for i in range(4)))
    app.run(at(48))
    berlin, new_york, *_ = plans(app)
    assert (berlin.at, new_york.at) == (at(5), at(10))
    here = ZoneInfo("America/New_York")
    ran = [d for d in app.decisions if d.action != "drop"]
    assert ran
    assert app.of("send")
    assert all(9 <= d.at.astimezone(here).hour < 20 for d in ran)
    assert all(d.slot == d.at.astimezone(here).hour for d in ran)
    assert plans(app)[2].at.astimezone(here).hour == 0


@pytest.mark.parametrize(("replan", "sends"), [(False, 0), (True, 1)])
def test_a_held_send_is_planned_again_over_the_slots_that_remain_if_so_set(replan: bool, sends: int) -> None:
    """Her best hour is noon; she is in the app until four."""
    timing = Timing(jobs_per_send=1, min_jobs=1, replan_held=replan)
    app = App(msgspec.structs.replace(with_rules(daily_cap=1), timing=timing))
    app.submit(at(0), person())
    for day in range(5):
        app.submit(at(24 * day + 12.5), act(f"noon{day}", "session", at(24 * day + 12.5)))
    app.submit(at(120), told("c1", "recommendation", created=at(120)))
    for half in range(24, 32):
        app.submit(at(120 + half / 2), act(f"e{half}", "view", at(120 + half / 2)))
    app.run(at(144) - timedelta(seconds=1))
    held = [d for d in app.of("hold") if d.at > at(120)]
    assert held[0].slot == 12
    assert codes(held[0]) == ["in_session"]
    assert len(app.of("send")) == sends
    today = [plan for plan in plans(app) if plan.day == number(at(120).date())]
    assert [plan.at for plan in today] == [at(120)] + [d.at for d in held if replan]
    assert all(slot >= plan.at.hour for plan in today for slot in plan.jobs)
    assert all(d.slot >= 16 for d in app.of("send"))


def test_a_send_that_failed_is_taken_back_and_the_day_is_planned_over_the_slots_that_remain() -> None:
    app = App(msgspec.structs.replace(CALM, volume=Volume(per_user_per_week=7.0, headroom=0.0)))
    app.submit(at(0), person())
    app.submit(at(1), told("c1", "recommendation", created=at(1)), told("c2", "recommendation", created=at(1)))
    app.run(at(14))
    (first,) = app.of("send")
    before = app.row().copy()
    sender = Sender(app.store, {"push": MemoryChannel([Failed("no such number")])}, app.engine.registry)
    sender.run(to_us(first.at), 10)
    app.clock.set(to_us(at(14.1)))
    app.run(at(14.2))
    after = app.row()
    assert (before["s_len"], after["s_len"]) == (1, 0)
    assert after["n_sends"].sum() == 0
    assert after["tokens"] == pytest.approx(before["tokens"] + 1.0 + 7 * (14.1 - first.at.hour) / 168, abs=0.05)
    app.run(at(24) - timedelta(seconds=1))
    again = plans(app)[-1]
    assert again.day == plans(app)[0].day
    assert all(slot >= 14 for slot in again.jobs)
    assert [d.candidate_id for d in app.of("send")[1:]] == [{"c1": "c2", "c2": "c1"}[str(first.candidate_id)]]
    assert app.of("send")[1].at > at(14.1)


def test_what_was_delivered_or_is_still_tried_is_not_taken_back() -> None:
    app = App()
    app.submit(at(0), person())
    app.submit(at(9), told("c1", created=at(9)))
    app.run(at(9.1))
    sender = Sender(app.store, {"push": MemoryChannel([RetryAfter(timedelta(minutes=5))])}, app.engine.registry)
    assert dict(sender.run(to_us(at(14)), 10).counts) == {"retry": 1}
    assert dict(sender.run(to_us(at(15)), 10).counts) == {"delivered": 1}
    assert app.store.posted() == 0


@pytest.mark.parametrize(
    "minutes", [[], [0.0], [0.001 * i for i in range(60)]], ids=["no history", "one event", "all in one minute"]
)
def test_whatever_is_known_of_her_she_has_a_plan_that_keeps_every_constraint(minutes: list[float]) -> None:
    app = App(with_rules(send_windows=("9:00-20:00",)))
    app.submit(at(0), person())
    for i, minute in enumerate(minutes):
        app.submit(at(3 + minute / 60), act(f"e{i}", "session", at(3 + minute / 60)))
    app.run(at(25))
    plan = plans(app)[-1]
    assert sum(plan.slot_probs) == pytest.approx(1.0)
    assert sum(plan.sends) == plan.quota > 0
    assert all(9 <= slot < 20 for slot in (*plan.jobs, *np.flatnonzero(plan.sends)))
    assert (np.diff(np.flatnonzero(plan.sends)) >= 2).all()
    assert (max(plan.slot_probs) > 0.06) == bool(minutes)


def test_a_quota_that_does_not_fit_is_cut_to_what_the_day_holds() -> None:
    app = App(with_rules(send_windows=("9:00-11:00",), gap_minutes=180))
    app.submit(at(0), person())
    app.run(at(49))
    assert [(plan.quota, sum(plan.sends)) for plan in plans(app)][-1] == (3, 1)
    shut = App(with_rules(send_windows=("23:00-1:00",)))
    shut.submit(at(0), person())
    shut.run(at(49))
    assert [(plan.jobs, sum(plan.sends)) for plan in plans(shut)] == [((), 0)] * 3


@pytest.mark.parametrize("wrong", [np.nan, -0.1, np.inf])
def test_a_slot_model_that_says_what_is_no_probability_stops_the_engine_with_its_row(wrong: float) -> None:
    class Broken(LiveScorer):
        def slots(self, keys: NDArray[np.uint64], request: PlanRequest) -> SlotScores:
            return SlotScores(*np.full((2, len(keys), 24), wrong))

    app = App()
    simple = simple_scorer()
    app.engine.population.scorer = Broken(simple.slot_model, simple.click_model, simple.unsubscribe_model)
    app.submit(at(0), person())
    with pytest.raises(InvalidScores, match="row 0"):
        app.run(at(1))


def test_the_planned_sends_of_a_day_are_on_record_by_hour_and_segment() -> None:
    """Every user's plan after her constraints, summed; a day that was planned again counts once."""
    app = App(with_rules(quiet_start_minute=21 * 60))
    for i in range(12):
        kind = ("push",) if i % 2 else ("email", "push")
        app.submit(at(0), person(f"u{i}", *kind))
        app.submit(at(1), act(f"e{i}", "session", at(1 - i / 24), user_id=f"u{i}"))
    app.submit(at(36), person("u3", "push", locale="de"))
    app.run(at(49))
    controls = {row.effective_us: decode(row.data) for row in app.store.controls() if row.key == "thresholds"}
    written = controls[to_us(at(49))]
    assert isinstance(written, Control)
    want = np.zeros((24, 1, len(SEGMENTS)))
    for plan in [plan for plan in plans(app) if plan.at == at(24)]:
        want[:, 0, SEGMENTS.index(plan.segment)] += plan.sends
    assert want.sum() >= 12
    assert not want[21:].any()
    np.testing.assert_allclose(planned_by_hour(written), want)
