"""A shadow: every day begins with what the other sender really sent, and what it finds follows from the log alone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec
import pytest

from stage import CALM, MONDAY, App, act, at, person, told, with_rules
from tactful.clock import to_us
from tactful.errors import NotEnoughData
from tactful.events.records import Channel, Input
from tactful.runtime import erasing
from tactful.runtime.importing.mapping import Defaults
from tactful.runtime.settings import Settings
from tactful.runtime.shadowing.beside import decide_beside
from tactful.runtime.shadowing.found import Beside
from tactful.runtime.shadowing.report import ShadowReport, report
from tactful.runtime.shadowing.sent import Sent
from tactful.stores.memory import MemoryStore

ANYWHERE = Defaults(opt_in=("push",), addresses="user_id")


def app(*inputs: tuple[datetime, Input], settings: Settings = CALM) -> MemoryStore:
    """Returns the store of an app that told these inputs and never ran an engine further."""
    stage = App(settings)
    for when, record in sorted(inputs, key=lambda pair: pair[0]):
        stage.clock.set(to_us(when))
        stage.engine.submit([record])
    store = stage.store
    assert isinstance(store, MemoryStore)
    return store


def sent(
    candidate_id: str, when: datetime, user_id: str = "ann", channel: Channel = "push", unsubscribed: bool | None = None
) -> Sent:
    known = to_us(when - timedelta(hours=2))
    return Sent(to_us(when), user_id, candidate_id, "new_follower", channel, known, False, unsubscribed)


def shadow(store: MemoryStore, sends: Sequence[Sent], settings: Settings = CALM, since: date | None = None) -> Beside:
    return decide_beside(store, settings, sorted(sends, key=lambda one: one.at_us), ANYWHERE, since)


def ours(found: Beside) -> set[str]:
    return {one.candidate_id for one in found.ours}


def days(*numbers: int) -> list[tuple[datetime, Input]]:
    """Somebody, and something to tell her on each of these days."""
    return [(MONDAY, person()), *((at(24 * n + 7), told(f"c{n}", created=at(24 * n + 7))) for n in numbers)]


def test_a_day_without_their_messages_is_decided_as_if_nobody_else_sent() -> None:
    store = app(*days(0))
    alone = App()
    alone.submit(MONDAY, person())
    alone.submit(at(7), told("c0", created=at(7)))
    alone.run(at(24))
    found = shadow(store, [sent("else", at(20), "bob")])
    (mine,) = [one for one in found.ours if one.user_id == "ann"]
    (decision,) = alone.of("send")
    assert (mine.at_us, mine.channel, mine.foretold) == (to_us(decision.at), decision.channel, decision.scores)


def test_what_is_foretold_of_their_message_is_what_a_decision_at_that_instant_says() -> None:
    history = [(at(5 + n / 7), act(f"e{n}", "session", at(5 + n / 7))) for n in range(7)]
    alone = App()
    for when, record in sorted([*days(0), *history], key=lambda pair: pair[0]):
        alone.submit(when, record)
    alone.run(at(24))
    (decision,) = alone.of("send")
    found = shadow(app(*days(0), *history), [sent("c0", decision.at), sent("else", at(20), "bob")])
    theirs = next(one for one in found.theirs if one.user_id == "ann")
    assert theirs.foretold == decision.scores
    assert found.heads == decision.heads
    assert (theirs.segment, theirs.hour) == (decision.segment, decision.slot)


def test_their_messages_of_earlier_days_count_to_the_cap_and_ours_do_not() -> None:
    capped = with_rules(weekly_cap=2)
    store = app(*days(0, 1, 2, 3))
    free = shadow(store, [sent("else", at(72 + 20), "bob")], capped, since=MONDAY.date())
    assert ours(free) - {"else"} == {"c0", "c1", "c2", "c3"}, "what we only would have sent caps nothing"
    bound = shadow(store, [sent("x", at(9)), sent("y", at(12)), sent("else", at(72 + 20), "bob")], capped)
    assert ours(bound) & {"c1", "c2", "c3"} == set(), "she got two from them on Monday"


def test_our_own_messages_keep_their_gaps_and_caps_within_a_day() -> None:
    several = [(at(7), told(f"d{n}", created=at(7))) for n in range(6)]
    found = shadow(app((MONDAY, person()), *several), [sent("else", at(20), "bob")], with_rules(daily_cap=2))
    assert len([one for one in found.ours if one.user_id == "ann"]) == 2


def test_our_budget_is_spent_by_what_we_would_have_sent() -> None:
    inputs = [(MONDAY, person()), *((at(h), told(f"c{h}", created=at(h))) for h in range(6, 24 * 14, 6))]
    few = Settings(seed=7, exploration=CALM.exploration, rules=CALM.rules)
    found = shadow(app(*inputs, settings=few), [sent("a", at(9)), sent("b", at(24 * 13 + 9))], few)
    assert 4 <= len(found.ours) <= 2 * 4 + 2, "three a week with headroom, over two weeks, and a burst"


def test_what_they_told_her_is_not_told_again_on_a_later_day() -> None:
    store = app((MONDAY, person()), (at(22.5), told("late", created=at(22.5))))
    assert "late" in ours(shadow(store, [sent("else", at(24 + 20), "bob")])), "after her quiet hours"
    assert "late" not in ours(shadow(store, [sent("late", at(23)), sent("else", at(24 + 20), "bob")]))


def test_who_left_after_their_message_gets_none_of_ours_from_the_next_day_on() -> None:
    left = shadow(app(*days(1)), [sent("x", at(9), unsubscribed=True), sent("else", at(24 + 20), "bob")])
    stayed = shadow(app(*days(1)), [sent("x", at(9)), sent("else", at(24 + 20), "bob")])
    assert "c1" in ours(stayed)
    assert "c1" not in ours(left)


def test_what_only_their_log_knows_is_offered_since_it_was_known_and_to_people_as_the_mapping_assumes() -> None:
    found = shadow(MemoryStore(), [sent("x", at(11), "new"), sent("y", at(20), "bob")])
    (mine,) = [one for one in found.ours if one.user_id == "new"]
    assert mine.candidate_id == "x"
    assert mine.at_us >= to_us(at(9))
    assert (found.people, found.candidates, found.refused) == (2, 2, 0)


def test_a_message_belongs_to_the_day_of_her_own_clock() -> None:
    store = app((MONDAY, person("ann", timezone="Asia/Kolkata")))
    found = shadow(store, [sent("x", at(20))])
    (one,) = found.theirs
    assert (one.day, one.hour) == (to_us(at(24)) // (24 * 3600 * 1_000_000), 1)


def test_days_before_since_are_lived_through_and_not_compared() -> None:
    store, both = app(*days(0, 1, 2)), [sent("x", at(9)), sent("y", at(48 + 9))]
    found = shadow(store, both, since=(MONDAY + timedelta(days=1)).date())
    assert [one.candidate_id for one in found.theirs] == ["y"]
    assert "c0" not in ours(found)
    with pytest.raises(NotEnoughData, match="since 2026-04-01"):
        shadow(store, both, since=date(2026, 4, 1))


def told_report() -> ShadowReport:
    people = [(MONDAY, person(f"u{n}")) for n in range(8)]
    candidates = [(at(7), told(f"k{n}", user_id=f"u{n}", created=at(7))) for n in range(6)]
    log = [sent(f"k{n}", at(9), f"u{n}") for n in range(4)] + [sent("email", at(10), "u7", "email")]
    return report(shadow(app(*people, *candidates), log))


def test_every_user_day_and_candidate_is_counted_once() -> None:
    found = told_report()
    split = found.agreement.user_days
    assert (split.both, split.only_they, split.only_we, split.neither) == (5, 0, 2, 1)
    assert split.both + split.only_they + split.only_we + split.neither == found.people == 8
    split = found.agreement.candidates
    assert (split.both, split.only_they, split.only_we, split.neither) == (5, 0, 2, 0)
    assert found.agreement.by_type["new_follower"].they == found.they == 5
    assert found.agreement.by_channel["push"].both == 4
    assert sum(found.volume.by_hour[0]) == found.they
    assert sum(found.volume.by_hour[1]) == found.we == 7
    assert sum(one.user_days for one in found.volume.by_segment.values()) == 8


def test_the_difference_is_paired_by_person_and_the_refusal_is_said() -> None:
    found = told_report()
    per_person = 7.0 / 8.0
    assert found.volume.they == pytest.approx(5 * per_person)
    assert found.volume.difference.value == pytest.approx(2 * per_person)
    assert found.volume.difference.low < found.volume.difference.value < found.volume.difference.high
    assert {one.head for one in found.foretold} == {"click", "unsubscribe"}
    assert "not identifiable from this log" in found.refusal
    (clicks,) = found.checked
    assert (clicks.head, clicks.messages, clicks.happened.value) == ("click", 5, 0.0)
    assert any("Only an experiment tells" in step for step in found.next_steps)


def test_the_same_log_gives_the_same_report() -> None:
    assert told_report() == told_report()


def test_a_message_to_somebody_who_was_not_known_yet_counts_and_nothing_is_foretold_of_it() -> None:
    store = app((at(0), person("bob")), (at(9.1), person()), (at(30), person("cy")))
    at_once = msgspec.structs.replace(sent("x", at(9.2)), known_us=to_us(at(9.2)))
    found = report(shadow(store, [at_once, sent("y", at(12), "bob")]))
    assert (found.they, found.unknown) == (2, 1)
    assert found.volume.they == pytest.approx(2 * 7.0 / 3.0)


def test_behind_the_end_of_both_logs_nothing_is_compared() -> None:
    told_her = [(MONDAY, person()), (at(11), told("first", created=at(11)))]
    theirs = [sent("x", at(12)), sent("y", at(12), "bob")]
    assert "first" not in ours(shadow(app(*told_her), theirs)), "after ours at 10:00 the gap ends at noon"
    assert "first" in ours(shadow(app(*told_her, (at(23), person("cy"))), theirs))


def test_who_was_erased_does_not_come_back_by_their_log() -> None:
    store = app(*days(0))
    with store.transaction():
        erasing.erase(store, [erasing.Wish("bob", 1)], 2)
    found = shadow(store, [sent("x", at(9)), sent("y", at(12), "bob")])
    assert {one.user_id for one in (*found.theirs, *found.ours)} == {"ann"}
    with pytest.raises(NotEnoughData, match="people who were erased"):
        shadow(store, [sent("y", at(12), "bob")])


def test_fewer_than_two_people_are_no_report() -> None:
    with pytest.raises(NotEnoughData, match="import the app's log"):
        report(shadow(app(*days(0)), [sent("c0", at(9))]))
