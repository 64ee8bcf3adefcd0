"""The page of volume: days and weeks add up to the decisions, budgets to the people, and what is missing is said."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import small_app
from response_people import MODEL
from served_app import ask, decided, served
from tactful.api.dashboard import ENDPOINTS, volume
from tactful.api.dashboard.controller_log import controlled
from tactful.api.service import Service
from tactful.clock import DAY_US, to_us
from tactful.events.budget_plan import budget_plan
from tactful.events.records import CHANNELS, BudgetPlan, Control, decode, encode
from tactful.features.segments import SEGMENTS
from tactful.models import served as models
from tactful.runtime.allocating import MODEL_NAME
from tactful.runtime.intake import KIND_CODE
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import LoggedInput
from tactful.stores.sqlite import SqliteStore

END_US = to_us(small_app.END)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided(tmp_path_factory.mktemp("volume") / "app.db")


@pytest.fixture
def service(path: Path) -> Iterator[Service]:
    made = served(path)
    yield made
    made.close()


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, read_only=True)
    yield opened
    opened.close()


def test_a_day_has_the_sends_and_the_target_that_the_controller_saw_at_its_end(store: SqliteStore) -> None:
    found = controlled(store)
    assert found is not None
    for row in store.controls_of("thresholds", 0):
        control = decode(row.data)
        assert isinstance(control, Control)
        if control.effective_at == small_app.START.replace(day=4, hour=1):  # the look at midnight
            actual = np.array(control.value["actual"]).reshape(control.value["shape"]).sum(axis=0)
            np.testing.assert_array_equal(found.sent[found.days == to_us(small_app.START) // DAY_US + 1][0], actual)
    assert found.sent.shape == found.target.shape == (len(found.days), len(SEGMENTS), len(CHANNELS))
    assert len(found.at_us) == len(found.price) == len(store.controls_of("thresholds", 0))
    assert (np.diff(found.days) > 0).all()


def test_channels_and_cells_add_up_to_the_whole_days(store: SqliteStore) -> None:
    found, _ = volume.volume_of(store, Settings(), END_US)
    control = controlled(store)
    assert control is not None
    assert sum(one.week for one in found.channels) == control.sent.sum() > 0
    assert sum(one.week for one in found.cells) == control.sent.sum()
    assert all(one.low <= one.price <= one.high for one in found.cells)


def test_budgets_are_everybodys_who_can_be_reached(store: SqliteStore) -> None:
    everybody, *segments = volume.volume_of(store, Settings(), END_US)[0].budgets
    assert (everybody.segment, everybody.people) == ("all", small_app.PEOPLE - 1)
    assert sum(one.people for one in segments) == everybody.people
    assert sum(everybody.by_budget) == sum(everybody.by_decider) == everybody.people


def test_plans_are_told_the_latest_first_with_their_price() -> None:
    store, users = MemoryStore(), np.arange(4, dtype=np.uint64)
    parts = [
        budget_plan(name, 1, users, np.full(4, k, dtype=np.uint8), small_app.START, "m", price=0.001)[0]
        for name, k in (("first", 2), ("second", 4))
    ]
    store.append(
        [LoggedInput(i, END_US - 9 + i, 0, 0, 0, KIND_CODE[BudgetPlan], encode(p)) for i, p in enumerate(parts)]
    )
    found, _ = volume.volume_of(store, Settings(), END_US)
    assert [(one.plan_id, one.people, one.mean) for one in found.plans] == [("second", 4, 4.0), ("first", 4, 2.0)]
    assert found.plans[0].price == pytest.approx(7.0)


def test_a_response_model_draws_the_frontier_and_without_one_the_page_says_how_to_get_it(
    service: Service, tmp_path: Path
) -> None:
    page = ask(service, ENDPOINTS, "GET", "/dashboard/volume").text
    assert "There is no frontier" in page
    assert "tactful train volume app.db" in page
    store = SqliteStore(decided(tmp_path / "with.db"))
    store.put_model(MODEL_NAME, MODEL.version, models.save(MODEL))
    store.close()
    other = served(tmp_path / "with.db")
    page = ask(other, ENDPOINTS, "GET", "/dashboard/volume").text
    assert 'aria-label="expected active days a person and week' in page
    assert "no measurement" in page
    other.close()


def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    page = ask(service, ENDPOINTS, "GET", "/dashboard/volume").text
    for said in (
        "The controller has not looked yet",
        "There is no price yet",
        "No states of people",
        "None was accepted",
    ):
        assert said in page
    service.close()
