"""A ranker is promoted by a canary, taken back when people leave, and rolled back by one call; the log tells it all."""

from datetime import timedelta

import pytest

from rank_models import PlainRanker
from stage import App, at, person, told
from tactful.clock import to_us
from tactful.errors import InvalidExperiment, StoreError
from tactful.events.records import Decision, Engagement
from tactful.experiments.canary import Canary, Plan
from tactful.experiments.gate import Gate, too_thin
from tactful.models import MODELS, in_force
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.experiments_in_force import listed
from tactful.runtime.promoting import advance, begin, roll_back
from tactful.runtime.promotions import canary_of, history
from tactful.runtime.replaying import verify

PEOPLE = [f"user-{i}" for i in range(60)]
OLD, NEW = PlainRanker(), PlainRanker(0.2)
PLAN = Plan(stages=(0.25, 0.5), least_days=2.0, least_sends=20)
PASSED = Gate("promote", 0.01, 30.0, (), "not worse")


@pytest.fixture(autouse=True)
def _named_ranker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "plain_ranker", "rank_models:PlainRanker")


def born() -> App:
    """Everybody is there, the old ranker decides, and the store keeps the new one."""
    app = App()
    with app.store.transaction():
        in_force.put_in_force(app.store, OLD)
        in_force.keep(app.store, NEW)
    app.submit(at(0.1), *(person(name) for name in PEOPLE))
    app.run(at(1))
    return app


def live(app: App, first: int, days: int, leave: float = 0.0) -> App:
    """A message a day for everybody; so many of those who have it from the new ranker leave."""
    for day in range(first, first + days):
        when = at(24 * day + 9)
        app.submit(when, *(told(f"{name}-{day}", user_id=name, created=when) for name in PEOPLE))
        made = app.run(at(24 * day + 22))
        sent = [d for d in made if d.action == "send" and d.arm.startswith("canary")]
        app.submit(at(24 * day + 23), *(_left(d) for d in sent[: round(leave * len(sent))]))
        app.run(at(24 * (day + 1)))
    return app


def _left(sent: Decision) -> Engagement:
    return Engagement(
        engagement_id=f"left-{sent.decision_id}", user_id=sent.user_id, kind="unsubscribe",
        at=sent.at + timedelta(minutes=5), decision_id=sent.decision_id, channel=sent.channel,
    )  # fmt: skip


def versions(app: App, day: int) -> dict[str, set[str]]:
    """The rankers that sent on a day, by arm."""
    found: dict[str, set[str]] = {}
    for d in app.decisions:
        if d.action == "send" and at(24 * day) < d.at < at(24 * (day + 1)):
            found.setdefault(d.arm, set()).add(d.model_version.partition("-")[2])
    return found


@pytest.fixture(scope="module")
def promoted() -> App:
    patch = pytest.MonkeyPatch()
    patch.setitem(MODELS, "plain_ranker", "rank_models:PlainRanker")
    app = live(born(), 0, 1)
    begin(app.store, NEW.version, PLAN, PASSED)
    live(app, 1, 1)
    assert advance(app.store, app.settings)[2] is None  # a day is too little
    live(app, 2, 1)
    advance(app.store, app.settings)
    live(app, 3, 3)
    advance(app.store, app.settings)
    live(app, 6, 1)
    patch.undo()
    return app


def test_a_harmless_canary_grows_and_is_put_in_force_for_all(promoted: App) -> None:
    old, new = OLD.version[:8], NEW.version[:8]
    assert versions(promoted, 0) == {"default": {old}}
    for day in (1, 2, 3, 5):
        assert versions(promoted, day) == {"default": {old}, "canary-1/new": {new}}
    assert versions(promoted, 6) == {"default": {new}}
    kept = in_force.in_force(promoted.store, "rank")
    assert kept is not None
    assert kept.version == NEW.version
    assert canary_of(history(promoted.store)) is None


def test_the_log_tells_every_move_with_its_figures(promoted: App) -> None:
    moves = history(promoted.store)
    assert [move.what for move in moves] == ["started", "grown", "promoted"]
    assert moves[0].gate == PASSED
    assert [move.canary.share for move in moves if move.canary] == [0.25, 0.5, 1.0]
    seen = moves[1].seen
    assert seen is not None
    assert seen.users[1] == len({d.user_id for d in promoted.decisions if d.at < at(72) and d.arm == "canary-1/new"})
    assert seen.sends == sum(
        d.action == "send" and d.arm == "canary-1/new" for d in promoted.decisions if d.at < at(72)
    )


def test_who_was_in_the_canary_stays_in_it_when_it_grows(promoted: App) -> None:
    def inside(day: int) -> set[str]:
        return {d.user_id for d in promoted.decisions
                if at(24 * day) < d.at < at(24 * day + 24) and d.arm == "canary-1/new"}  # fmt: skip

    assert inside(2) < inside(3)


def test_a_replay_across_promotion_is_byte_for_byte(promoted: App) -> None:
    found = verify(promoted.store, promoted.settings)
    assert found.equal, found.difference
    assert found.decisions == len(promoted.decisions)


def test_a_canary_that_drives_people_away_is_taken_back_by_itself() -> None:
    app = born()
    begin(app.store, NEW.version, Plan(stages=(0.5,), least_days=2.0, least_sends=20), PASSED)
    live(app, 0, 2, leave=0.4)
    canary, seen, move = advance(app.store, app.settings)
    assert canary.status == "rolled_back"
    assert canary.reason.startswith("unsubscribes: ")
    assert seen is not None
    assert move is not None
    assert [guard.broken for guard in seen.guards] == [True, False]
    live(app, 2, 1)
    assert versions(app, 2) == {"default": {OLD.version[:8]}}
    assert verify(app.store, app.settings).equal
    with pytest.raises(InvalidExperiment, match="no canary that runs"):
        advance(app.store, app.settings)


def test_after_a_rollback_the_same_input_gives_the_decisions_of_before_byte_for_byte() -> None:
    """Twins: one has a canary for a day on which there is nothing to tell, the other never."""
    made = []
    for with_canary in (False, True):
        app = live(born(), 0, 1)
        if with_canary:
            begin(app.store, NEW.version, PLAN, PASSED)
        app.run(at(47))
        if with_canary:
            roll_back(app.store, by="ann", reason="wrong version")
        live(app, 2, 2)
        made.append([row.data for row in app.store.decisions_between(to_us(at(48)), 1 << 62)])
    never, taken_back = made
    assert never == taken_back
    assert len(never) >= 2 * len(PEOPLE)
    assert [move.what for move in history(app.store)] == ["started", "rolled_back"]


def test_one_call_puts_the_earlier_ranker_back_and_the_next_leads_further_back(promoted: App) -> None:
    app = promoted
    move = roll_back(app.store, by="ann", reason="complaints on the phone")
    assert (move.what, move.version, move.before) == ("restored", NEW.version, OLD.version)
    live(app, 7, 1)
    assert versions(app, 7) == {"default": {OLD.version[:8]}}
    last = history(app.store)[-1]
    assert (last.by, last.reason) == ("ann", "complaints on the phone")
    with pytest.raises(InvalidExperiment, match="no rank model that decided before"):
        roll_back(app.store)
    assert verify(app.store, app.settings).equal


def test_a_rollback_to_the_simple_predictors_needs_no_model_in_force() -> None:
    app = App()
    app.submit(at(0.1), *(person(name) for name in PEOPLE))
    app.run(at(1))
    with app.store.transaction():
        in_force.put_in_force(app.store, OLD)
        in_force.put_in_force(app.store, SlotHistogram(prior_weight=5.0))
    live(app, 0, 1)
    roll_back(app.store)
    assert in_force.in_force(app.store, "rank") is None
    roll_back(app.store, "slot")
    live(app, 1, 1)
    heads = [{d.heads for d in app.decisions if d.action == "send" and day == d.at.day} for day in (2, 3)]
    assert [len(one) for (one,) in heads] == [6, 2]
    app.restart()
    live(app, 2, 1)
    assert verify(app.store, app.settings).equal


def test_force_passes_the_gate_only_with_a_name_and_a_reason_and_is_on_the_log() -> None:
    app = born()
    thin = too_thin("got no random send on record", 1.0)
    with pytest.raises(InvalidExperiment, match="inconclusive at the gate"):
        begin(app.store, NEW.version, PLAN, thin)
    with pytest.raises(InvalidExperiment, match="they go on record"):
        begin(app.store, NEW.version, PLAN, thin, by="ann", forced=True)
    begin(app.store, NEW.version, PLAN, thin, by="ann", reason="old ranker reads a feature that is gone", forced=True)
    live(app, 0, 1)
    (move,) = history(app.store)
    assert (move.what, move.by, move.reason) == ("forced", "ann", "old ranker reads a feature that is gone")
    assert move.gate == thin
    assert set(versions(app, 0)) == {"default", "canary-1/new"}


def test_a_canary_whose_others_got_another_ranker_is_taken_back() -> None:
    app = born()
    begin(app.store, NEW.version, PLAN, PASSED)
    live(app, 0, 3)
    with app.store.transaction():
        in_force.put_in_force(app.store, PlainRanker(0.3))
    canary, _, _ = advance(app.store, app.settings)
    assert (canary.status, "put in force meanwhile" in canary.reason) == ("rolled_back", True)


def test_what_cannot_be_promoted_is_refused_with_the_reason() -> None:
    app = born()
    with pytest.raises(StoreError, match="does not keep"):
        begin(app.store, "0011", PLAN, PASSED)
    with pytest.raises(InvalidExperiment, match="which is in force"):
        begin(app.store, OLD.version, PLAN, PASSED)
    begin(app.store, NEW.version, PLAN, PASSED)
    live(app, 0, 1)
    with pytest.raises(InvalidExperiment, match="canary-1 of ranker"):
        begin(app.store, NEW.version, PLAN, PASSED)
    assert [one.name for one in listed(app.store)] == ["canary-1"]
    assert isinstance(canary_of(history(app.store)), Canary)
