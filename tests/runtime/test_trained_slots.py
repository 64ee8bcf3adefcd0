"""An engine takes the slot model that was trained on its store, from its next opening on, and keeps its past."""

from pathlib import Path

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US, SimulatedClock, from_us
from tactful.errors import InvalidModel
from tactful.events.records import Candidate, SlotPlan, decode
from tactful.models.in_force import put_in_force, slot_model_in_force
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import scorer_of, simple_scorer
from tactful.runtime.replaying import verify
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore
from timing_people import START_US, records, two_habits

PEOPLE = 12
EVENING = SlotHistogram(np.where(np.arange(24) == 20, 50.0, 1.0), prior_weight=1000.0)


def live(store: Store, first: int, last: int, settings: Settings | None = None) -> Engine:
    """An engine over the store that takes the visits of some days, with something to tell everybody, and decides."""
    engine = Engine(store, settings or Settings(seed=3), clock=SimulatedClock(START_US + first * DAY_US))
    inputs, stamps = records(two_habits(PEOPLE, 20), PEOPLE)
    inputs += [
        Candidate(
            candidate_id=f"c{day}-{i}", user_id=f"u{i}", type="recommendation", payload={"title": "T", "url": "https://a.invalid"},
            created_at=from_us(START_US + day * DAY_US + HOUR_US),
        )
        for day in range(20) for i in range(PEOPLE)
    ]  # fmt: skip
    stamps += [START_US + day * DAY_US + HOUR_US for day in range(20) for _ in range(PEOPLE)]
    rows = sorted(
        (at, place) for place, at in enumerate(stamps) if START_US + first * DAY_US <= at < START_US + last * DAY_US
    )
    engine.submit([inputs[place] for _, place in rows], [at for at, _ in rows])
    engine.advance(from_us(START_US + last * DAY_US))
    return engine


def plans(store: Store, first: int, last: int) -> list[SlotPlan]:
    rows = store.plans_between(START_US + first * DAY_US, START_US + last * DAY_US)
    return [record for record in (decode(row.data) for row in rows) if isinstance(record, SlotPlan)]


def versions(store: Store, first: int, last: int) -> set[str]:
    rows = list(store.decisions_between(START_US + first * DAY_US, START_US + last * DAY_US))
    decided = {getattr(decode(row.data), "model_version", "") for row in rows} - {""}
    return decided | {plan.model_version for plan in plans(store, first, last)}


def test_a_store_without_training_has_the_simple_predictors() -> None:
    assert slot_model_in_force(MemoryStore()) is None
    assert scorer_of(MemoryStore()).version == simple_scorer().version


def test_the_engine_takes_the_model_in_force_when_it_is_opened_and_old_decisions_keep_their_version(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "app.db", synchronous="normal")
    live(store, 0, 3).close()
    store = SqliteStore(tmp_path / "app.db", synchronous="normal")
    before = versions(store, 0, 3)
    with store.transaction():
        put_in_force(store, EVENING)
    live(store, 3, 6)
    assert store.count_decisions() > PEOPLE
    assert before == {simple_scorer().version}
    assert versions(store, 0, 3) == before
    assert versions(store, 4, 6) == {scorer_of(store).version}
    assert all(np.argmax(plan.slot_probs) == 20 for plan in plans(store, 4, 6))
    verified = verify(store, Settings(seed=3))
    assert verified.difference is None
    store.close()


def test_after_a_crash_behind_a_switch_the_states_are_those_that_would_have_been() -> None:
    """One engine ends well and one dies without saving; both are followed by one with the trained model, which dies."""
    calm, crashed = MemoryStore(), MemoryStore()
    ends = []
    for store in (calm, crashed):
        first = live(store, 0, 3)
        with store.transaction():
            put_in_force(store, EVENING)
        if store is calm:
            first.close()
        ends.append(live(store, 3, 6))
    ends.append(Engine(crashed, Settings(seed=3), clock=SimulatedClock(START_US + 6 * DAY_US)))
    for name in ("plan_day", "job_at", "slot_p", "marks", "tokens", "s_at", "s_len"):
        before, *others = (end.population.table.rows[name] for end in ends)
        for other in others:
            np.testing.assert_array_equal(before, other)
    decided, again = ([row.data for row in store.decisions_between(0, 2**62)] for store in (calm, crashed))
    assert decided == again


def test_a_model_that_reads_what_the_engine_does_not_keep_is_refused_and_the_last_one_stays() -> None:
    store = MemoryStore()
    put_in_force(store, EVENING)
    with pytest.raises(InvalidModel, match="expected"), store.transaction():
        put_in_force(store, SlotHistogram(np.ones(48)))
    found = slot_model_in_force(store)
    assert found is not None
    assert found.version == EVENING.version
