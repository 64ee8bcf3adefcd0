"""Stories: what one person gets, and does not get, from a running engine."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from stage import CALM, MONDAY, App, act, at, codes, person, told, with_rules
from tactful import draws
from tactful.clock import to_us
from tactful.decision.policy.explore import Exploration
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.send import Report, Sender
from tactful.events.records import (
    CHANNELS,
    BudgetAssignment,
    Cancel,
    Control,
    QuietHours,
    SlotPlan,
    Suppression,
    decode,
)
from tactful.runtime.settings import Settings, Volume

WHOLE_DAY_OPEN = QuietHours(start_minute=0, end_minute=0)


def deliver(app: App, when: datetime) -> tuple[MemoryChannel, Report]:
    channel = MemoryChannel()
    sender = Sender(app.store, dict.fromkeys(CHANNELS, channel), app.engine.registry)
    return channel, sender.run(to_us(when), 100)


def exploring(**shares: float) -> Settings:
    calm = {"random_send": 0.0, "greedy_send": 0.0, "greedy_no_send": 0.0, "slot_epsilon": 0.0, "volume_share": 0.0}
    return msgspec.structs.replace(CALM, exploration=Exploration(**{**calm, **shares}))  # type: ignore[arg-type]


def test_a_waking_candidate_is_decided_the_moment_it_comes() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(13))
    (sent,) = app.of("send")
    assert (sent.at, sent.candidate_id, sent.channel) == (at(12), "c1", "push")


def test_of_two_profiles_at_one_instant_the_later_one_holds() -> None:
    for first, second in (("push", "email"), ("email", "push")):
        app = App()
        app.submit(at(9), person("ann", first), person("ann", second))
        app.submit(at(9), person("bob", first))
        app.submit(at(9), person("bob", second))
        app.submit(at(12), told("c1", created=at(12)), told("c2", user_id="bob", created=at(12)))
        app.run(at(13))
        assert [d.channel for user in ("ann", "bob") for d in app.of("send", user)] == [second, second]


def test_unsubscribed_user_receives_nothing() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(10), act("e1", "unsubscribe", at(10), channel="push"))
    app.submit(at(12), told("c1", created=at(12)), told("c2", "security_alert", created=at(12)))
    app.run(at(72))
    assert app.of("send") == []
    assert "suppressed" in {code for held in app.of("hold") for code in codes(held)}


def test_an_unsubscribe_that_names_no_channel_ends_every_channel() -> None:
    app = App()
    app.submit(at(9), person("ann", "push", "email"))
    app.submit(at(10), act("e1", "unsubscribe", at(10)))
    app.submit(at(12), told("c1", "security_alert", created=at(12)))
    app.run(at(24))
    assert app.of("send") == []


def test_lifting_the_suppression_of_everything_keeps_that_of_one_channel() -> None:
    app = App()
    app.submit(at(8), person("ann", "push", "email"), act("e1", "unsubscribe", at(8), channel="push"))
    app.submit(at(9), Suppression(suppression_id="s1", user_id="ann", at=at(9)))
    app.submit(at(10), told("c1", created=at(10)))
    app.submit(at(11), Suppression(suppression_id="s2", user_id="ann", at=at(11), lifted=True))
    app.submit(at(14), told("c2", created=at(14)))
    app.run(at(15))
    assert len(app.of("send")) >= 1
    assert all(d.at > at(11) and d.channel == "email" for d in app.of("send"))


def test_a_person_without_a_profile_is_never_written_to() -> None:
    app = App()
    app.submit(at(12), told("c1", "security_alert", created=at(12)))
    app.run(at(48))
    assert app.of("send") == []


def test_critical_passes_caps_gaps_and_quiet_hours() -> None:
    app = App(with_rules(daily_cap=1, gap_minutes=1440))
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.submit(at(23), told("c2", "security_alert", created=at(23)), told("c3", "security_alert", created=at(23)))
    app.run(at(24))
    sent = app.of("send")
    assert [d.candidate_id for d in sent][:1] == ["c1"]
    assert {d.candidate_id for d in sent[1:]} == {"c2", "c3"}
    assert {d.at for d in sent[1:]} == {at(23)}
    assert [codes(d)[-1] for d in sent[1:]] == ["transactional", "transactional"]


@pytest.mark.parametrize(("mode", "sends", "drops"), [("hold", 1, 0), ("drop", 0, 1)])
def test_quiet_hours_hold_or_drop(mode: str, sends: int, drops: int) -> None:
    app = App(with_rules(in_quiet_hours=mode))
    app.submit(at(9), person())
    app.submit(at(23), told("c1", created=at(23)))
    app.run(at(23.5))
    assert app.of("send") == []
    app.run(at(46))
    assert (len(app.of("send")), len(app.of("drop"))) == (sends, drops)
    assert all(8 <= d.at.hour < 22 for d in app.of("send"))
    assert all(codes(d) == ["quiet_hours"] for d in app.of("drop"))


@pytest.mark.parametrize(("mode", "drops"), [("hold", 0), ("drop", 1)])
def test_over_the_cap_holds_or_drops(mode: str, drops: int) -> None:
    app = App(with_rules(daily_cap=1, over_cap=mode, gap_minutes=0))
    app.submit(at(8), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.submit(at(13), told("c2", created=at(13)))
    app.run(at(14))
    assert [d.candidate_id for d in app.of("send")] == ["c1"]
    assert [codes(d)[-1] for d in app.of("drop")] == ["daily_cap"] * drops


@pytest.mark.parametrize(("window", "sent"), [("rolling", ["c1"]), ("calendar", ["c1", "c2"])])
def test_the_cap_counts_the_last_day_or_the_calendar_day(window: str, sent: list[str]) -> None:
    app = App(with_rules(daily_cap=1, cap_window=window, gap_minutes=0))
    app.submit(at(8), person())
    app.submit(at(20), told("c1", created=at(20)))
    app.submit(at(33), told("c2", created=at(33)))
    app.run(at(33.2))
    assert [d.candidate_id for d in app.of("send")] == sent


def test_between_two_messages_lies_the_gap() -> None:
    app = App()
    app.submit(at(8), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.submit(at(13), told("c2", created=at(13)))
    app.run(at(13.5))
    (held,) = [d for d in app.of("hold") if d.at == at(13)]
    (reason,) = [r for r in held.reasons if r.code == "gap_minutes"]
    assert (reason.number, reason.limit) == (60.0, 120.0)
    app.run(at(36))
    first, second = app.of("send")
    assert second.at - first.at >= timedelta(minutes=120)


def test_on_the_day_the_clocks_go_forward_nothing_is_sent_in_local_quiet_hours() -> None:
    sunday = datetime(2026, 3, 29, tzinfo=UTC)
    app = App(start=sunday - timedelta(days=1))
    app.submit(sunday - timedelta(hours=20), person(timezone="Europe/Berlin"))
    for hour in range(0, 48):
        when = sunday - timedelta(hours=6) + timedelta(hours=hour)
        app.submit(when, told(f"c{hour}", created=when))
    app.run(sunday + timedelta(days=2))

    local = [d.at.astimezone(ZoneInfo("Europe/Berlin")) for d in app.of("send")]
    assert len(local) > 3
    assert all(8 <= when.hour < 22 for when in local)
    plans = [p for p in (decode(row.data) for row in app.store.plans_between(0, 1 << 62)) if isinstance(p, SlotPlan)]
    assert all(2 not in plan.jobs for plan in plans)


def test_the_weekly_budget_is_never_exceeded() -> None:
    app = App(msgspec.structs.replace(CALM, volume=Volume(per_user_per_week=2.0)))
    app.submit(at(0), *(person(f"u{i}") for i in range(20)))
    for hour in range(8, 14 * 24, 5):
        app.submit(at(hour), *(told(f"c{hour}-{i}", created=at(hour), user_id=f"u{i}") for i in range(20)))
    app.run(at(15 * 24))
    for i in range(20):
        sends = app.of("send", f"u{i}")
        assert 1 <= len(sends) <= 7
        for sent in sends:
            week = [d for d in sends if sent.at - timedelta(days=7) < d.at <= sent.at]
            assert len(week) <= sent.features["k"] <= 3


def test_a_budget_that_was_assigned_is_the_one_in_force() -> None:
    app = App()
    app.submit(at(0), person(), BudgetAssignment(assignment_id="b1", user_id="ann", period=0, k=0, at=at(0)))
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(13))
    assert app.of("send") == []
    assert "weekly_budget" in codes(app.of("hold")[-1])


def test_a_digest_waits_for_its_members_and_tells_of_them_together() -> None:
    app = App()
    app.submit(at(7), person())
    for i, hour in enumerate((9.0, 9.2)):
        app.submit(at(hour), told(f"c{i}", "comment_digest", created=at(hour), group_key="post"))
    app.run(at(9.3))
    assert app.of("send") == []
    app.submit(at(9.4), told("c2", "comment_digest", created=at(9.4), group_key="post"))
    app.run(at(33))
    (sent,) = app.of("send")
    channel, _ = deliver(app, sent.at)
    (message,) = channel.arrived.values()
    assert "3" in message.title + message.body
    assert [codes(d) for d in app.of("drop")] == [["aggregated"], ["aggregated"]]


def test_a_digest_whose_window_has_passed_tells_of_fewer() -> None:
    app = App()
    app.submit(at(7), person(), told("c0", "comment_digest", created=at(7), group_key="post"))
    app.run(at(31))
    (sent,) = app.of("send")
    assert sent.at >= at(13)


def test_a_candidate_that_is_cancelled_before_its_decision_is_dropped() -> None:
    app = App()
    app.submit(at(9), person(), told("c1", "recommendation", created=at(9)))
    app.submit(at(9.01), Cancel(cancel_id="x1", user_id="ann", candidate_id="c1", at=at(9.01)))
    app.run(at(48))
    assert app.of("send") == []
    assert [(d.candidate_id, codes(d)) for d in app.of("drop")] == [("c1", ["cancelled"])]


def test_a_candidate_that_is_cancelled_after_its_decision_is_not_delivered() -> None:
    app = App()
    app.submit(at(9), person())
    app.submit(at(12), told("c1", created=at(12), cancel_key="cart"))
    app.submit(at(12.1), Cancel(cancel_id="x1", user_id="ann", cancel_key="cart", at=at(12.1)))
    app.run(at(12.2))
    assert len(app.of("send")) == 1
    channel, report = deliver(app, at(12.2))
    assert channel.arrived == {}
    assert dict(report.counts) == {"cancelled": 1}


def test_the_kill_switch_stops_everything_until_it_is_released() -> None:
    app = App()
    app.submit(at(8), person())
    app.submit(at(9), Control(version=1, effective_at=at(9), key="kill_switch", value=True))
    app.submit(at(10), told("c1", created=at(10)), told("c2", "security_alert", created=at(10)))
    app.run(at(11))
    assert app.of("send") == []
    assert codes(app.of("hold")[-1]) == ["kill_switch"]
    app.restart()
    app.submit(at(12), Control(version=2, effective_at=at(12), key="kill_switch", value=False))
    app.submit(at(13), told("c3", "security_alert", created=at(13)))
    app.run(at(13.1))
    assert "c3" in {d.candidate_id for d in app.of("send")}


@pytest.mark.parametrize(
    ("bucket", "action"), [("random_send", "send"), ("greedy_send", "send"), ("greedy_no_send", "hold")]
)
def test_exploration_buckets_act_and_are_logged_with_their_probabilities(bucket: str, action: str) -> None:
    app = App(exploring(**{bucket: 0.9}))
    app.submit(at(8), *(person(f"u{i}") for i in range(20)))
    app.submit(at(12), *(told(f"c{i}", created=at(12), user_id=f"u{i}") for i in range(20)))
    app.run(at(12.1))
    made = [d for d in app.decisions if d.bucket == bucket]
    assert len(made) > 12
    assert {d.bucket_probability for d in made} == {0.9}
    assert {d.action for d in made} == {action}
    assert all(d.action_probability == 1.0 and codes(d)[-1] == bucket for d in made)


def test_randomised_budgets_are_recorded_with_their_probability() -> None:
    app = App(exploring(volume_share=1.0))
    app.submit(at(8), *(person(f"u{i}") for i in range(10)))
    app.run(at(9))
    period = to_us(MONDAY) // (8 * 7 * 86_400_000_000)

    found = [app.store.budgets_of(draws.key(f"u{i}"), period) for i in range(10)]
    records = [decode(row.data) for (row,) in found]
    assert all(isinstance(r, BudgetAssignment) and r.randomised and r.probability == 1 / 7 for r in records)
    assert len({r.k for r in records if isinstance(r, BudgetAssignment)}) > 2


def test_every_candidate_ends_in_one_send_or_one_drop() -> None:
    app = App()
    app.submit(at(0), *(person(f"u{i}") for i in range(5)))
    ids = []
    for hour in range(8, 72, 3):
        for i in range(5):
            ids.append(f"c{hour}-{i}")
            kind = ("recommendation", "new_follower", "comment_digest")[hour % 3]
            app.submit(at(hour), told(ids[-1], kind, created=at(hour), user_id=f"u{i}"))
    app.run(at(24 * 8))
    ended = [d.candidate_id for d in app.decisions if d.action != "hold"]
    assert sorted(filter(None, ended)) == sorted(ids)
    assert {codes(d)[0] for d in app.decisions if d.action == "drop"} >= {"expired"}


def test_a_rank_job_gives_exactly_one_decision() -> None:
    app = App()
    app.submit(at(0), person())
    for hour in range(8, 72, 3):
        app.submit(at(hour), told(f"c{hour}", "recommendation", created=at(hour)))
    app.run(at(96))
    jobs = [(d.at, d.turn) for d in app.decisions if d.action != "drop"]
    assert len(jobs) == len(set(jobs)) > 5


def test_a_type_that_the_person_switched_off_is_dropped_or_held_but_never_sent() -> None:
    app = App()
    app.submit(at(8), person(type_opt_out=("new_follower",)))
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(48))
    assert app.of("send") == []
    assert "type_opted_out" in {code for d in app.of("hold") for code in codes(d)}


@pytest.mark.parametrize(("setting", "sends"), [("profile", 1), ("hold", 0)])
def test_somebody_who_was_never_seen_is_planned_by_everybodys_profile_or_held(setting: str, sends: int) -> None:
    app = App(with_rules(cold_user=setting))
    app.submit(at(8), person())
    app.submit(at(12), told("c1", created=at(12)))
    app.run(at(13))
    assert len(app.of("send")) == sends


def test_a_full_pool_drops_the_lowest_priority_then_the_oldest() -> None:
    app = App()
    app.submit(at(22.5), person())
    for i in range(18):
        when = at(22.6 + i / 60)
        app.submit(when, told(f"c{i:02}", "recommendation", created=when))
    app.run(at(23.5))
    assert [(d.candidate_id, codes(d)) for d in app.of("drop")] == [("c00", ["pool_full"]), ("c01", ["pool_full"])]
    assert [d.at for d in app.of("drop")] == [at(22.6 + 16 / 60), at(22.6 + 17 / 60)]


def test_a_message_does_not_outlast_the_start_of_quiet_hours() -> None:
    app = App()
    app.submit(at(8), person())
    app.submit(at(21.9), told("c1", created=at(21.9)))
    app.run(at(21.95))
    channel, report = deliver(app, at(22.02))
    assert (channel.arrived, dict(report.counts)) == ({}, {"expired": 1})


def test_states_are_saved_once_a_day_even_if_little_comes_in() -> None:
    app = App()
    app.submit(at(0), person())
    saved = []
    for hour in (1, 20, 26, 40, 51):
        app.run(at(hour))
        saved.append(app.store.load_meta("states"))
    assert saved[:2] == [None, None]
    assert saved[2] is not None
    assert saved[3] == saved[2]
    assert saved[4] != saved[2]
