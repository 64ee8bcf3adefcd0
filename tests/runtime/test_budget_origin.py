"""Explain names where a budget comes from: drawn, planned, assigned or the default; and not one that comes later."""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from stage import CALM, App, at, person, told
from tactful import draws
from tactful.decision.policy.explore import Exploration
from tactful.events.budget_plan import budget_plan
from tactful.events.records import BudgetAssignment, BudgetPlan
from tactful.runtime.evidence import gather
from tactful.runtime.explaining import Budget, explain
from tactful.runtime.settings import Settings


def plan(plan_id: str, k: int, *users: str) -> BudgetPlan:
    keys = np.array([draws.key(user) for user in users], dtype=np.uint64)
    (made,) = budget_plan(plan_id, 0, keys, np.full(len(users), k, dtype=np.uint8), at(0), "volume-1", 0.0123)
    return made


def budget(app: App) -> Budget:
    """What is told at noon of the second day."""
    app.submit(at(36), told("c1", created=at(36)))
    app.run(at(36.1))
    found = explain(gather(app.store, app.settings, "ann")).budget
    assert found is not None
    return found


def app_with(*records: BudgetAssignment | BudgetPlan, settings: Settings = CALM) -> App:
    app = App(settings)
    app.submit(at(1), person())
    for hour, record in enumerate(records):
        app.submit(at(2 + hour), record)
    return app


def given(k: int) -> BudgetAssignment:
    return BudgetAssignment(assignment_id=f"b{k}", user_id="ann", period=0, k=k, model_version="m", at=at(0))


def test_a_plan_is_named_with_its_model_and_price_and_since_when() -> None:
    found = budget(app_with(given(3), plan("w1", 5, "ann", "bob"), plan("w2", 6, "bob")))
    assert found.k == 5
    assert found.source == "from plan w1 (model volume-1, price 0.0123 a message) since 2026-03-02 03:00 UTC"


def test_an_assignment_that_came_after_the_plan_is_named() -> None:
    found = budget(app_with(plan("w1", 5, "ann"), given(3)))
    assert (found.k, found.source) == (3, "assigned by b3 (model m) since 2026-03-02 03:00 UTC")


def test_a_draw_is_named_with_its_probability_whatever_was_planned() -> None:
    drawn = msgspec.structs.replace(CALM, exploration=Exploration(0.0, 0.0, 0.0, 0.05, 0.0, 1.0, 8, (4, 9)))
    found = budget(app_with(plan("w1", 5, "ann"), settings=drawn))
    assert found.k in (4, 9)
    assert found.source == "drawn at random with probability 0.5, since 2026-03-02 01:00 UTC"


def test_the_default_is_named_and_so_it_stays_until_the_next_days_plan() -> None:
    app = app_with()
    app.submit(at(35), plan("w1", 5, "ann"))
    found = budget(app)
    assert found.k > 5
    assert found.source == "the default of the settings; none was assigned"


@pytest.mark.parametrize("weeks", [3, 9])
def test_a_plan_of_weeks_ago_is_found(weeks: int) -> None:
    app = app_with(plan("w1", 5, "ann"), plan("w2", 6, "bob"))
    app.run(at(0) + timedelta(weeks=weeks))
    when = at(12) + timedelta(weeks=weeks)
    app.submit(when, told("c1", created=when))
    app.run(when)
    found = explain(gather(app.store, app.settings, "ann")).budget
    assert found is not None
    assert found.origin is not None
    assert (found.origin.name, found.k) == ("w1", 5)


def test_a_budget_that_a_wish_caps_says_so() -> None:
    app = App(CALM)
    app.submit(at(1), person("ann", weekly_wish=2))
    found = budget(app)
    assert found.k == 2
    assert found.source.endswith("; no more than the 2 a week that she wished for")
