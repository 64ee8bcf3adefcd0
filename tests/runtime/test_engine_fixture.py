"""A store that an engine of record schema 1 wrote is read by every later engine."""

import importlib.util
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from tactful.events.records import Decision, SlotPlan, decode
from tactful.runtime.embedded import Engine
from tactful.stores.sqlite import SqliteStore

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_engine_store_1", FIXTURES / "make_engine_store_1.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return shutil.copy(FIXTURES / "engine_store_1.sqlite", tmp_path / "app.sqlite")


def test_every_record_of_schema_1_is_read(store_path: Path, maker: ModuleType) -> None:
    store = SqliteStore(store_path, read_only=True)
    kinds = Counter(type(decode(line.data)).__name__ for line in store.read(-1, 10_000))
    decided = [decode(row.data) for row in store.decisions_between(0, 2**62)]
    planned = [decode(row.data) for row in store.plans_between(0, 2**62)]
    store.close()
    names = {"User", "Candidate", "Engagement", "Cancel", "BudgetAssignment", "Suppression", "Control", "Catalogue"}
    assert set(kinds) == names
    assert {d.action for d in decided if isinstance(d, Decision)} == {"send", "hold", "drop"}
    assert all(isinstance(p, SlotPlan) for p in planned)
    assert any(p.randomised for p in planned if isinstance(p, SlotPlan))


def test_the_engine_goes_on_from_the_saved_states(store_path: Path, maker: ModuleType) -> None:
    engine = Engine.open(store_path, maker.SETTINGS)
    before = engine.store.count_decisions()
    engine.advance(maker.START + timedelta(days=maker.DAYS + 1))
    assert len(engine.user_ids) == 12
    assert engine.store.count_decisions() > before
    engine.close()
