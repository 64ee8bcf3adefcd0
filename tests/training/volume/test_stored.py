"""The volume log of an engine's store is what the engine drew, sent and was told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from small_app import END, PEOPLE, START, UNREACHABLE, inputs, run
from tactful import draws
from tactful.clock import DAY_US, WEEK_US, to_us
from tactful.decision.policy.explore import Exploration
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS, BudgetAssignment, Engagement, encode
from tactful.features import volume
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import BudgetRow
from tactful.stores.sqlite import SqliteStore
from tactful.training.volume.log import VolumeLog
from tactful.training.volume.stored import read_log

EVERYONE = Settings(exploration=Exploration(volume_share=1.0))


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Three days of twenty people, all of whose budgets were drawn."""
    made = MemoryStore()
    run(made, EVERYONE)
    return made


@pytest.fixture(scope="module")
def log(store: MemoryStore) -> VolumeLog:
    """Read from it."""
    return read_log(store)


def test_everybody_who_can_be_reached_has_an_assignment_with_its_features(log: VolumeLog) -> None:
    assert len(log) == PEOPLE - 1  # all but the one without any channel
    assert log.features.shape == (PEOPLE - 1, len(volume.NAMES))
    assert set(log.k.tolist()) <= set(EVERYONE.exploration.volume_choices)
    assert log.probability == pytest.approx(1.0 / 7.0)
    assert log.randomised.all()
    assert set(log.reach.tolist()) == {2}


def test_what_was_sent_is_counted_for_the_slice(store: MemoryStore, log: VolumeLog) -> None:
    sends = [row for row in store.decisions_between(0, 2**62) if row.action_code == 0]
    assert log.sent.sum() == len(sends) > 0
    assert (log.sent[log.k == 0] == 0).all()


def test_what_people_did_is_there_in_order(log: VolumeLog) -> None:
    did = [record for _, record in inputs() if isinstance(record, Engagement) and record.user_id != UNREACHABLE]
    assert len(log.e_at_us) == len(did)
    assert sorted(log.e_at_us.tolist()) == sorted(to_us(record.at) for record in did)
    assert set(log.e_kind.tolist()) == {KINDS.index("session"), KINDS.index("view")}


def test_the_log_ends_with_the_last_decision(log: VolumeLog) -> None:
    assert log.until_us == to_us(END) + 1
    assert (log.start_us >= to_us(START)).all()
    assert (log.end_us > log.until_us).all()


def test_a_file_gives_the_same_log_as_memory(tmp_path: Path, log: VolumeLog) -> None:
    engine = run(SqliteStore(tmp_path / "app.sqlite"), EVERYONE)
    again = read_log(engine.store)
    engine.close()
    for name, column in vars(log).items():
        assert np.array_equal(column, getattr(again, name)), name


def test_a_store_without_drawn_budgets_says_what_to_set() -> None:
    empty = MemoryStore()
    run(empty, Settings(exploration=Exploration(volume_share=0.0)))
    with pytest.raises(NotEnoughData, match=r"exploration\.volume_share"):
        read_log(empty)


def _assigned(period: int, at_us: int, k: int, **changes: object) -> BudgetRow:
    features = np.ones(len(volume.NAMES)).tolist()
    fields: dict[str, object] = {"segment": 5, "features": tuple(features), "feature_schema": volume.SCHEMA}
    drawn = BudgetAssignment(
        **{
            "assignment_id": f"{period}:{at_us}",
            "user_id": "ann",
            "period": period,
            "k": k,
            "randomised": True,
            "probability": 0.5,
            "at": datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us),
            **fields,
            **changes,
        }
    )
    return BudgetRow(draws.key("ann"), period, at_us, encode(drawn))


def _log_of(*rows: BudgetRow) -> VolumeLog:
    store = MemoryStore()
    store.append_budgets(rows)
    store.save_meta("committed", str(100 * WEEK_US).encode())
    return read_log(store)


def test_a_budget_holds_until_the_daily_plan_that_follows_its_period() -> None:
    """Plans come at an hour of her own, 5 hours after midnight UTC here: the period ends for her at that hour."""
    hour = DAY_US // 24
    log = _log_of(_assigned(2, 16 * WEEK_US + 5 * hour, 3), _assigned(3, 24 * WEEK_US + 9 * DAY_US + 5 * hour, 7))
    assert log.end_us.tolist() == [24 * WEEK_US + 5 * hour, 32 * WEEK_US + 5 * hour]


def test_a_later_assignment_ends_the_one_before() -> None:
    log = _log_of(_assigned(2, 16 * WEEK_US, 3), _assigned(2, 18 * WEEK_US, 7))
    assert log.end_us.tolist() == [18 * WEEK_US, 24 * WEEK_US]
    assert log.user.tolist() == [0, 0]


def test_assignments_of_another_schema_or_not_drawn_are_left_out() -> None:
    good = _assigned(2, 16 * WEEK_US, 3)
    other = _assigned(3, 24 * WEEK_US, 5, feature_schema="another")
    chosen = _assigned(4, 32 * WEEK_US, 5, randomised=False)
    assert _log_of(good, other, chosen).k.tolist() == [3]
    with pytest.raises(NotEnoughData, match="1 budgets drawn at random"):
        _log_of(other)


def test_people_whom_no_channel_reached_are_left_out() -> None:
    nobody = tuple(0.0 for _ in volume.NAMES)
    log = _log_of(_assigned(2, 16 * WEEK_US, 3, features=nobody))
    assert len(log) == 0
