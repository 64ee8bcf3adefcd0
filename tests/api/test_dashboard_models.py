"""The page of models: what decides since when, what waits, and every move of a promotion, forced ones marked."""

from pathlib import Path

import msgspec

from served_app import ask, served
from tactful.api.dashboard import ENDPOINTS, models
from tactful.clock import from_us
from tactful.events.records import Control, encode
from tactful.experiments.canary import Canary, Plan
from tactful.models import MODELS
from tactful.models.in_force import KINDS, Kept, put_in_force
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.noted_models import note
from tactful.runtime.promotions import KEY, Move
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import ControlRow, Store
from tactful.stores.sqlite import SqliteStore

CANARY = Canary(experiment="canary-1", version="new-ranker", before="", plan=Plan())


def told(store: Store, *moves: Move) -> None:
    """Files moves as an engine does."""
    values = [msgspec.to_builtins(move) for move in moves]
    controls = [
        Control(version=v, effective_at=from_us(v), key=KEY, value=one) for v, one in enumerate(values, start=1)
    ]
    store.append_controls([ControlRow(one.version, one.version, KEY, encode(one)) for one in controls])


def forced(reason: str = "she knows better") -> Move:
    return Move(what="forced", at=from_us(1), version="new-ranker", by="ada", reason=reason, canary=CANARY)


def slot_of(store: Store) -> models.InRole:
    return next(one for one in models.models_of(store).roles if one.role == "slot")


def test_every_kind_of_model_that_is_put_in_force_has_a_role_and_every_name_is_known() -> None:
    assert set(KINDS) < set(models.ROLES)
    assert {name for names in models.ROLES.values() for name in names} <= set(MODELS)


def test_a_model_in_force_decides_since_an_engine_took_it() -> None:
    store = MemoryStore()
    put_in_force(store, GlobalSlots())
    put_in_force(store, model := SlotHistogram())
    assert slot_of(store).kept == Kept("slot_histogram", model.version)
    assert slot_of(store).since is None
    note(store, simple_scorer(), since_us=1_000_000)
    assert slot_of(store).since == from_us(1_000_000)
    assert len(slot_of(store).known) == 2


def test_a_canary_that_runs_is_told_with_its_share_and_the_latest_move_comes_first() -> None:
    store = MemoryStore()
    grown = Move(what="grown", at=from_us(2), version="new-ranker", canary=msgspec.structs.replace(CANARY, stage=1))
    told(store, forced(), grown)
    found = models.models_of(store)
    assert [move.what for move in found.moves] == ["grown", "forced"]
    assert found.canary is not None
    assert found.canary.share == 0.05


def test_the_page_marks_what_was_forced_and_keeps_markup_as_text(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "app.db")
    told(store, forced("<script>"))
    put_in_force(store, SlotHistogram())
    store.close()
    service = served(tmp_path / "app.db")
    page = ask(service, ENDPOINTS, "GET", "/dashboard/models").text
    assert "canary forced" in page
    assert "A canary runs" in page
    assert "no engine has taken it" in page
    assert "<script" not in page
    assert "tactful rollback app.db --kind slot" in page
    service.close()


def test_without_any_model_the_page_says_how_to_get_one(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "app.db").close()
    service = served(tmp_path / "app.db")
    page = ask(service, ENDPOINTS, "GET", "/dashboard/models").text
    for command in ("train ranker app.db", "train timing app.db", "train volume app.db"):
        assert f"tactful {command}" in page
    assert "Nothing was promoted" in page
    service.close()
