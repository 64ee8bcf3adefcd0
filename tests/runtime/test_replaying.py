"""A store's log, replayed: the decisions on record byte for byte, or what other settings would have decided."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from small_app import END, START, run
from tactful.clock import SimulatedClock, from_us, to_us
from tactful.decision.policy.explore import Exploration
from tactful.errors import ReplayMismatch
from tactful.events.records import Candidate, Decision, decode, encode
from tactful.models.click_rate import ClickRate
from tactful.models.slot_histogram import GlobalSlots
from tactful.models.unsubscribe_rate import UnsubscribeRate
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying import compare, verify
from tactful.runtime.scoring import LiveScorer
from tactful.runtime.settings import Settings, Volume
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import DecisionRow, LoggedInput

EXPLORED = Settings(exploration=Exploration(random_send=0.2, greedy_send=0.1, full_history=0.2))
FIRST_DAY = START + timedelta(days=1)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    run(made)
    return made


def changed(store: MemoryStore, place: int) -> MemoryStore:
    """The same store in which one decision on record is another one."""
    rows = list(store.decisions_between(0, to_us(END) + 1))
    decision = decode(rows[place].data)
    assert isinstance(decision, Decision)
    other = msgspec.structs.replace(decision, arm="another")
    copy = MemoryStore()
    copy.append(store.read(-1, 100_000))
    row = rows[place]
    rows[place] = DecisionRow(row.decision_key, row.user_key, row.at_us, row.action_code, encode(other))
    copy.append_decisions(rows)
    copy.append_plans(list(store.plans_between(0, to_us(END) + 1)))
    copy.save_meta("committed", store.load_meta("committed") or b"-1")
    return copy


def test_replay_on_recorded_scores_gives_every_decision_and_plan_byte_for_byte(store: MemoryStore) -> None:
    verified = verify(store, Settings())
    assert verified.equal
    assert verified.difference is None
    assert verified.decisions == store.count_decisions() >= 100
    assert verified.plans == len(list(store.plans_between(0, to_us(END) + 1)))
    assert verified.until == END


def test_plans_of_an_earlier_version_replay_equal_though_they_lack_a_field(store: MemoryStore) -> None:
    older = MemoryStore()
    older.append(store.read(-1, 100_000))
    older.append_decisions(list(store.decisions_between(0, to_us(END) + 1)))
    plans = [row._replace(data=without_weights(row.data)) for row in store.plans_between(0, to_us(END) + 1)]
    older.append_plans(plans)
    older.save_meta("committed", store.load_meta("committed") or b"-1")
    assert b"slot_weights" not in plans[0].data
    assert verify(older, Settings()).equal


def without_weights(data: bytes) -> bytes:
    fields = msgspec.msgpack.decode(data)
    del fields["slot_weights"]
    return msgspec.msgpack.encode(fields)


def with_decisions(store: MemoryStore, changed: Callable[[Decision], Decision]) -> MemoryStore:
    """The same store with other decisions on record."""
    copy = MemoryStore()
    copy.append(store.read(-1, 100_000))
    rows = []
    for row in store.decisions_between(0, to_us(END) + 1):
        decision = decode(row.data)
        assert isinstance(decision, Decision)
        rows.append(row._replace(data=encode(changed(decision))))
    copy.append_decisions(rows)
    copy.append_plans(list(store.plans_between(0, to_us(END) + 1)))
    copy.save_meta("committed", store.load_meta("committed") or b"-1")
    return copy


@pytest.fixture(scope="module")
def explored() -> MemoryStore:
    made = MemoryStore()
    run(made, EXPLORED)
    return made


def test_what_was_frozen_replays_byte_for_byte(explored: MemoryStore) -> None:
    snapshots = [decode(row.data).snapshot for row in explored.decisions_between(0, to_us(FIRST_DAY))]
    assert sum(map(bool, snapshots)) > 5
    assert verify(explored, EXPLORED, FIRST_DAY).equal


def test_decisions_of_a_version_that_froze_nothing_replay_equal(explored: MemoryStore) -> None:
    def older(decision: Decision) -> Decision:
        return msgspec.structs.replace(decision, snapshot=b"", snapshot_place=-1, log_probability=0.0)

    assert verify(with_decisions(explored, older), EXPLORED, FIRST_DAY).equal


def test_snapshots_of_another_schema_are_not_compared_and_altered_ones_are_a_difference(explored: MemoryStore) -> None:
    def foreign(decision: Decision) -> Decision:
        return msgspec.structs.replace(decision, snapshot=decision.snapshot and bytes(8) + decision.snapshot[8:])

    def altered(decision: Decision) -> Decision:
        return msgspec.structs.replace(decision, snapshot=decision.snapshot and decision.snapshot + b"x")

    def lost(decision: Decision) -> Decision:
        return msgspec.structs.replace(decision, snapshot=b"")

    assert verify(with_decisions(explored, foreign), EXPLORED, FIRST_DAY).equal
    for change in (altered, lost):
        found = verify(with_decisions(explored, change), EXPLORED, FIRST_DAY).difference
        assert found is not None
        assert "differs in snapshot" in found.what


def test_replay_writes_nothing_to_the_store(store: MemoryStore) -> None:
    before = store.last(), store.count_decisions(), store.controls(), store.load_meta("committed")
    verify(store, Settings())
    compare(store, Settings(seed=3))
    assert (store.last(), store.count_decisions(), store.controls(), store.load_meta("committed")) == before


def test_replay_stops_where_it_is_told_to(store: MemoryStore) -> None:
    until = START + timedelta(days=1)
    verified = verify(store, Settings(), until)
    assert verified.equal
    assert verified.until == until
    assert verified.decisions == len(list(store.decisions_between(0, to_us(until) + 1))) < store.count_decisions()


def test_replay_goes_no_further_than_the_record(store: MemoryStore) -> None:
    assert verify(store, Settings(), END + timedelta(days=9)).until == END


def test_a_run_that_advanced_before_its_first_input_replays_equal() -> None:
    made = MemoryStore()
    clock = SimulatedClock(to_us(START))
    engine = Engine(made, Settings(), clock=clock)
    engine.advance(START + timedelta(hours=5))
    clock.set(to_us(START + timedelta(hours=7)))
    at = START + timedelta(hours=7)
    told = Candidate(candidate_id="c", user_id="u", type="new_follower", created_at=at,
                     payload={"follower_name": "Ada", "url": "https://app.invalid/1"})  # fmt: skip
    engine.submit([told])
    engine.advance(START + timedelta(hours=30))
    assert made.count_decisions() > 0
    assert verify(made, Settings()).equal


def test_the_first_difference_is_named(store: MemoryStore) -> None:
    place = store.count_decisions() // 2
    found = verify(changed(store, place), Settings())
    assert not found.equal
    assert found.decisions == place
    assert found.difference is not None
    assert "differs in arm" in found.difference.what
    assert isinstance(found.difference.recorded, Decision)
    assert isinstance(found.difference.replayed, Decision)
    assert (found.difference.recorded.arm, found.difference.replayed.arm) == ("another", "default")


def test_other_settings_passed_off_as_the_recorded_ones_are_a_difference_not_a_crash(store: MemoryStore) -> None:
    found = verify(store, Settings(seed=99))
    assert not found.equal
    assert found.difference is not None


def test_the_same_settings_with_live_scores_change_nothing(store: MemoryStore) -> None:
    compared = compare(store, Settings())
    assert compared.changed == 0
    assert compared.recorded_model == compared.replayed_model != ""
    assert compared.recorded == compared.replayed
    assert compared.jobs == compared.recorded.sends + compared.recorded.holds


def test_less_volume_sends_less_and_says_how_many_jobs_changed(store: MemoryStore) -> None:
    compared = compare(store, Settings(volume=Volume(per_user_per_week=0.5)))
    assert compared.replayed.sends < compared.recorded.sends
    assert 0 < compared.changed <= compared.jobs
    assert compared.changed_share == compared.changed / compared.jobs
    for tally in (compared.recorded, compared.replayed):
        assert sum(tally.by_hour) == sum(tally.by_type.values()) == sum(tally.by_channel.values()) == tally.sends


def test_other_models_than_the_recorded_ones_are_named(store: MemoryStore) -> None:
    other = LiveScorer(GlobalSlots(), ClickRate(), UnsubscribeRate())
    compared = compare(store, Settings(), scorer=other)
    assert compared.replayed_model == other.version != compared.recorded_model


def test_a_log_that_was_never_decided_on_is_compared_to_its_end() -> None:
    source, made = MemoryStore(), MemoryStore()
    run(source)
    made.append(source.read(-1, 100_000))
    compared = compare(made, Settings())
    assert compared.until == from_us(source.last()[1])
    assert compared.recorded.sends == 0 < compared.replayed.sends


def test_an_empty_store_replays_to_nothing() -> None:
    verified = verify(MemoryStore(), Settings())
    assert verified.equal
    assert verified.inputs == verified.decisions == 0


def test_a_logged_input_that_no_registry_knows_any_more_is_an_error() -> None:
    made = MemoryStore()
    gone = Candidate(candidate_id="c", user_id="u", type="no_such_type", created_at=START)
    made.append([LoggedInput(0, to_us(START), 1, 2, 3, 1, encode(gone))])
    with pytest.raises(ReplayMismatch, match="no_such_type"):
        compare(made, Settings())
