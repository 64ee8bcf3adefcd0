"""Who has which budget, and who decided it: told of a sample as of everybody."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

import small_app
from small_app import END
from tactful import draws
from tactful.clock import to_us
from tactful.decision.policy.explore import Exploration
from tactful.events.records import BudgetAssignment, Input, Preferences
from tactful.runtime.budget_spread import DECIDERS, Sampled, sampled, spread
from tactful.runtime.people import people_of, saved_people
from tactful.runtime.settings import Holdout, Settings
from tactful.stores.memory import MemoryStore

SETTINGS = Settings(seed=5, exploration=msgspec.convert({"volume_share": 0.3}, Exploration), holdout=Holdout(share=0.2))


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    engine = small_app.run(made, SETTINGS)
    late: list[Input] = [
        *(BudgetAssignment(assignment_id=f"b{i}", user_id=f"u{i:03d}", period=0, k=6, at=END) for i in range(10)),
        *(Preferences(preferences_id=f"p{i}", user_id=f"u{i:03d}", at=END, weekly_wish=1) for i in range(5)),
    ]
    engine.submit(late, [to_us(END) + 1] * len(late))
    engine.advance(END + timedelta(hours=1))
    engine.close()
    return made


def whole(store: MemoryStore) -> Sampled:
    found = sampled(store, 1_000)
    assert found is not None
    return found


def test_everybody_has_one_decider_and_her_wish_or_holdout_stands_above_an_assignment(store: MemoryStore) -> None:
    found, sample = spread(whole(store), SETTINGS), whole(store)
    key = sample.rows["user_key"][(sample.rows["addresses"] & sample.rows["opt_in"]) > 0].tolist()
    by_user = dict(zip(key, zip(found.k.tolist(), [DECIDERS[d] for d in found.decider], strict=True), strict=True))
    assert len(by_user) == small_app.PEOPLE - 1
    assert {"allocated", "default", "random slice", "wish", "holdout"} == {told for _, told in by_user.values()}
    budget = {"wish": 1, "allocated": 6, "holdout": 0}
    assert all(k == budget.get(told, k) for k, told in by_user.values())
    told_of = [by_user[draws.key(f"u{i:03d}")][1] for i in range(10)]
    assert set(told_of[:5]) <= {"wish", "holdout"}
    assert set(told_of[5:]) <= {"allocated", "random slice", "holdout"}


def test_a_sample_says_of_its_people_what_is_said_of_everybody(store: MemoryStore) -> None:
    all_of_them = saved_people(store, SETTINGS)
    assert np.array_equal(np.sort(spread(whole(store), SETTINGS).k), np.sort(all_of_them.k))
    few = sampled(store, 5)
    assert few is not None
    assert (few.each, len(few.rows)) == (4, 5)
    people = people_of(few.rows, few.as_of_us, SETTINGS)
    at = [all_of_them.key.tolist().index(key) for key in people.key.tolist()]
    assert np.array_equal(people.features, all_of_them.features[at])
    assert np.array_equal(people.k, all_of_them.k[at])


def test_a_store_without_states_has_no_sample() -> None:
    assert sampled(MemoryStore(), 10) is None
