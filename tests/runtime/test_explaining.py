"""Every decision, and every silence, is explained in words, with the least that would have changed it."""

import string
from datetime import UTC, datetime, timedelta

import pytest

from small_app import END, PEOPLE, QUIET, START, UNREACHABLE, run
from tactful import draws
from tactful.clock import to_us
from tactful.decision.reasons import REASONS
from tactful.errors import UnknownUser
from tactful.events.records import Decision, Engagement, Option, Reason, User, decode
from tactful.events.registry import Registry
from tactful.runtime.embedded import Engine
from tactful.runtime.evidence import Evidence, gather
from tactful.runtime.explaining import change, click_needed, explain, outcome, steps
from tactful.runtime.reasons import WORDS
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OPTION = Option("c1", "push", (0.08, 0.001), 0.031, 0.044)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    run(made)
    return made


def held(*reasons: Reason, feasible: tuple[Option, ...] = ()) -> Decision:
    return Decision(
        decision_id="0" * 16,
        user_id="u",
        at=NOON,
        action="hold",
        channel="push" if feasible else None,
        candidate_id="c1" if feasible else None,
        type="recommendation" if feasible else None,
        reasons=reasons,
        heads=("click", "unsubscribe"),
        scores=(0.08, 0.001) if feasible else (),
        utility=0.031 if feasible else None,
        threshold=0.044 if feasible else None,
        feasible=feasible,
        segment="core/both",
        features={"k": 3.0, "sent_7d": 1.0, "p_organic": 0.5, "active_today": 0.0},
    )


def evidence(decision: Decision | None) -> Evidence:
    return Evidence(
        user_id="u",
        at=NOON,
        first_seen=START,
        decided_until=END,
        profile=None,
        decision=decision,
        drops=(),
        plan=None,
        waiting=(),
        settings=Settings(),
        registry=Registry.shipped(),
    )


@pytest.mark.parametrize("code", REASONS[1:])
def test_every_reason_has_a_sentence_and_what_would_have_changed_it(code: str) -> None:
    decision = held(Reason(code, 1.0, 3.0), feasible=(OPTION,))
    (step,) = steps(decision)
    told = (step.sentence, change(decision.reasons[0], decision), explain(evidence(decision)).sentence)
    for text in told:
        assert len(text) > 10
        assert not any(name for _, name, _, _ in string.Formatter().parse(text))
    assert step.label == WORDS[code].label


def test_no_words_are_kept_for_a_reason_that_is_gone() -> None:
    assert set(WORDS) == set(REASONS[1:])


def test_below_the_threshold_says_which_threshold_and_which_utility_would_have_done() -> None:
    found = explain(evidence(held(Reason("below_threshold", 0.031, 0.044), feasible=(OPTION,))))
    assert "utility 0.0310 was not above the threshold 0.0440 of segment core/both on push" in found.sentence
    assert found.changes[0] == "threshold: a threshold below 0.0310, or a utility above 0.0440"


def test_click_probability_that_is_named_meets_the_threshold() -> None:
    decision = held(Reason("below_threshold", 0.031, 0.044), feasible=(OPTION,))
    needed = click_needed(decision, evidence(decision))
    assert needed == pytest.approx(0.08 + (0.044 - 0.031) / 0.5)
    assert f"above {needed:.4f}" in explain(evidence(decision)).changes[1]


def test_no_click_probability_is_named_where_none_would_do() -> None:
    decision = held(Reason("below_threshold", 0.031, 0.944), feasible=(OPTION,))
    unpayable = Decision(
        **{f: getattr(decision, f) for f in decision.__struct_fields__ if f != "threshold"}, threshold=0.944
    )
    assert click_needed(unpayable, evidence(unpayable)) is None


@pytest.mark.parametrize(
    ("reason", "least"),
    [
        (Reason("gap_minutes", 35.2, 120.0), "a job 85 min later, or `rules.gap_minutes = 35`"),
        (Reason("in_session", 12.9, 30.0), "`rules.session_minutes = 12`"),
        (Reason("daily_cap", 3.0, 3.0), "`rules.daily_cap = 4`"),
        (Reason("weekly_cap", 5.0, 5.0), "`rules.weekly_cap = 6`"),
        (Reason("type_daily_cap", 2.0, 2.0), "`caps.daily = 3`"),
        (Reason("weekly_budget", 4.0, 4.0), "a budget of 5"),
        (Reason("pacing", 1.0, 1.0), "a quota of 2"),
        (Reason("digest_too_small", 2.0, 3.0), "1 more in the group"),
        (Reason("quiet_hours", 1390.0, 480.0), "a job at 08:00 local time, or quiet hours that do not hold 23:10"),
    ],
)
def test_the_change_is_the_least_that_lifts_the_reason(reason: Reason, least: str) -> None:
    assert least in change(reason, held(reason))


def test_a_check_that_left_other_options_narrowed_and_did_not_block() -> None:
    cap, price = Reason("type_daily_cap", 2.0, 2.0), Reason("below_threshold", 0.031, 0.044)
    decision = held(cap, price, feasible=(OPTION,))
    assert [outcome(r, decision) for r in decision.reasons] == ["narrowed", "blocked"]
    assert outcome(cap, held(cap)) == "blocked"
    sent = Reason("above_threshold", 0.05, 0.044)
    assert outcome(sent, held(sent, feasible=(OPTION,))) == "passed"


def test_every_decision_of_a_run_is_explained_with_its_own_numbers(store: MemoryStore) -> None:
    seen = set()
    for row in store.decisions_between(0, to_us(END) + 1):
        decision = decode(row.data)
        assert isinstance(decision, Decision)
        kind = (decision.action, decision.reasons[-1].code)
        if kind in seen:
            continue
        seen.add(kind)
        found = explain(gather(store, Settings(), decision.user_id, decision_id=decision.decision_id))
        assert found.decision == decision
        assert [step.code for step in found.trace] == [reason.code for reason in decision.reasons]
        assert len(found.changes) >= len(decision.reasons)
        assert found.plan is not None
        assert found.plan.at <= decision.at
    assert {action for action, _ in seen} == {"send", "hold", "drop"}


def test_the_latest_decision_at_or_before_an_instant_is_explained(store: MemoryStore) -> None:
    rows = [r for i in range(PEOPLE) for r in store.decisions_of(draws.key(f"u{i:03d}"), 0, 2**62)]
    first = decode(rows[0].data)
    assert isinstance(first, Decision)
    later = gather(store, Settings(), first.user_id, first.at + timedelta(microseconds=1)).decision
    assert later is not None
    assert later.at == first.at
    assert gather(store, Settings(), first.user_id, first.at - timedelta(microseconds=1)).decision is None


def test_a_jobs_own_decision_stands_before_the_candidates_that_it_dropped(store: MemoryStore) -> None:
    jobs = 0
    for i in range(PEOPLE):
        rows = store.decisions_of(draws.key(f"u{i:03d}"), 0, 2**62)
        made = [d for d in (decode(row.data) for row in rows) if isinstance(d, Decision)]
        for at in {d.at for d in made if d.action == "drop"} & {d.at for d in made if d.action != "drop"}:
            found = gather(store, Settings(), f"u{i:03d}", at)
            assert found.decision is not None
            assert found.decision.action != "drop"
            assert len(found.drops) == sum(1 for d in made if d.at == at and d.action == "drop")
            assert len(explain(found).also) == len(found.drops)
            jobs += 1
    assert jobs > 0, "the small app should have a job that dropped a candidate"


def test_an_unreachable_user_is_told_of_address_and_opt_in(store: MemoryStore) -> None:
    found = explain(gather(store, Settings(), UNREACHABLE))
    assert "no declared channel has both an address and an opt-in" in found.sentence
    assert "address and an opt-in" in found.changes[-1]


def test_a_user_without_candidates_has_no_decision_and_a_reason(store: MemoryStore) -> None:
    found = explain(gather(store, Settings(), QUIET))
    assert found.decision is None
    assert "no candidate was ever open" in found.sentence
    assert found.changes == ("a candidate for the user",)
    assert found.plan is not None
    assert "the next opportunity" in found.next_opportunity


def test_a_user_whom_the_engine_has_not_come_to_has_no_plan_yet() -> None:
    made = MemoryStore()
    engine = Engine(made, Settings())
    engine.submit([User(user_id="new")], [to_us(START)])
    found = explain(gather(made, Settings(), "new"))
    assert "there is no plan yet" in found.sentence
    assert found.plan is None
    assert found.budget is None


def test_a_user_without_profile_is_said_to_have_none() -> None:
    made = MemoryStore()
    engine = Engine(made, Settings())
    engine.submit([Engagement(engagement_id="e", user_id="u", kind="session", at=START)], [to_us(START)])
    engine.advance(START + timedelta(hours=3))
    assert "no profile has said how to reach the user" in explain(gather(made, Settings(), "u")).sentence


def test_before_the_first_record_there_was_nothing_to_decide(store: MemoryStore) -> None:
    found = explain(gather(store, Settings(), "u001", START - timedelta(days=1)))
    assert "first record came at" in found.sentence


def test_an_unknown_user_is_an_error_with_the_nearest_ids(store: MemoryStore) -> None:
    with pytest.raises(UnknownUser, match=r"'u0011'.*nearest known ids are.*'u001'"):
        gather(store, Settings(), "u0011")


def test_a_decision_of_another_user_is_not_explained_as_this_ones(store: MemoryStore) -> None:
    row = store.decisions_of(draws.key("u001"), 0, 2**62)[0]
    for wrong in (f"{row.decision_key:016x}", "not hex", "0" * 16):
        with pytest.raises(UnknownUser, match="none of user 'u002'"):
            gather(store, Settings(), "u002", decision_id=wrong)


def test_explaining_stores_nothing(store: MemoryStore) -> None:
    before = store.last(), store.count_decisions(), list(store.load_states()), store.load_meta("states")
    for i in range(PEOPLE):
        explain(gather(store, Settings(), f"u{i:03d}"))
    assert (store.last(), store.count_decisions(), list(store.load_states()), store.load_meta("states")) == before
