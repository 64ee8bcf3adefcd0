"""A running engine takes a model that is put in force, without losing an event, and refuses one that is no good."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from rank_models import BrokenRanker, PlainRanker
from small_app import END, START, inputs
from tactful.clock import to_us
from tactful.errors import InvalidModel, InvalidSettings, StoreError
from tactful.events.records import Decision, SlotPlan, decode
from tactful.models import MODELS, in_force, served
from tactful.models.click_rate import ClickRate
from tactful.models.in_force import put_in_force, rank_model_in_force, slot_model_in_force
from tactful.models.protocol import RANK_HEADS, GraphModel
from tactful.models.served_slots import ServedSlots
from tactful.models.slot_histogram import SlotHistogram
from tactful.runtime.embedded import Engine
from tactful.runtime.models_in_use import scorer_of, simple_scorer
from tactful.runtime.noted_models import history
from tactful.runtime.replaying import verify
from tactful.runtime.settings import EngineSettings, Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

EVENING = SlotHistogram(np.where(np.arange(24) == 20, 50.0, 1.0), prior_weight=1000.0)
SETTINGS = Settings(engine=EngineSettings(micro_batch=30))
Change = Callable[[Store], None]


@pytest.fixture(autouse=True)
def _named_rankers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "plain_ranker", "rank_models:PlainRanker")
    monkeypatch.setitem(MODELS, "broken_ranker", "rank_models:BrokenRanker")


def ranker(store: Store) -> None:
    with store.transaction():
        put_in_force(store, PlainRanker())


def both(store: Store) -> None:
    with store.transaction():
        put_in_force(store, EVENING)
        put_in_force(store, PlainRanker(0.3))


def nothing(store: Store) -> None:
    """Leaves the models as they are."""


def live(store: Store, changes: tuple[Change, ...], between: str = "goes on", end: datetime = END) -> Engine:
    """Three days in as many parts as changes, each of which comes before its part; `between` them the engine goes on,
    dies and is opened again, or ends well before it is."""
    pairs, engine = inputs(), Engine(store, SETTINGS)
    for part, change in enumerate(changes):
        change(store)
        since, until = (START + (end - START) * share / len(changes) for share in (part, part + 1))
        if between == "ends well":
            engine.close()
        if between != "goes on":
            engine = Engine(store, SETTINGS)
        some = [(record, to_us(when)) for when, record in pairs if since <= when < until]
        engine.submit([record for record, _ in some], [stamp for _, stamp in some])
        engine.advance(until)
    return engine


def made(store: Store) -> list[bytes]:
    plans = [row.data for row in store.plans_between(0, 1 << 62)]
    return [row.data for row in store.decisions_between(0, 1 << 62)] + plans


def by_version(store: Store) -> dict[str, set[tuple[str, ...]]]:
    """The heads of the decisions of each version."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for data in made(store):
        record = decode(data)
        if isinstance(record, Decision) and record.action != "drop":
            found.setdefault(record.model_version, set()).add(record.heads)
    return found


CHANGES = (nothing, ranker, both)
SOON = START + timedelta(hours=15)


@pytest.fixture(scope="module")
def reloaded() -> tuple[MemoryStore, Engine]:
    patch = pytest.MonkeyPatch()
    patch.setitem(MODELS, "plain_ranker", "rank_models:PlainRanker")
    store = MemoryStore()
    engine = live(store, CHANGES)
    patch.undo()
    return store, engine


def test_a_running_engine_takes_each_model_when_it_is_put_in_force(reloaded: tuple[MemoryStore, Engine]) -> None:
    store, engine = reloaded
    found = by_version(store)
    assert list(found.values()) == [{("click", "unsubscribe")}, {RANK_HEADS}, {RANK_HEADS}]
    assert list(found) == [spoke.version for spoke in history(store)]
    assert engine.telemetry.snapshot()["engine.models.taken"] == 3
    last = [p for p in (decode(row.data) for row in store.plans_between(to_us(END) - 1, to_us(END) + 1))
            if isinstance(p, SlotPlan)]  # fmt: skip
    assert all(np.argmax(plan.slot_probs) == 20 for plan in last)


@pytest.mark.parametrize("between", ["dies", "ends well"])
def test_reloading_between_batches_equals_restarting_there(reloaded: tuple[MemoryStore, Engine], between: str) -> None:
    store, engine = reloaded
    restarted = MemoryStore()
    other = live(restarted, CHANGES, between)
    assert made(restarted) == made(store)
    assert [row.data for row in restarted.controls()] == [row.data for row in store.controls()]
    assert other.population.table.rows.tobytes() == engine.population.table.rows.tobytes()
    assert other.population.volume.to_bytes() == engine.population.volume.to_bytes()
    assert history(restarted) == history(store)


def test_no_event_is_lost_by_a_reload(reloaded: tuple[MemoryStore, Engine]) -> None:
    store, engine = reloaded
    assert store.last()[0] + 1 == len(inputs())
    assert engine.watermark == END


def test_a_log_with_reloads_in_it_replays_equal(reloaded: tuple[MemoryStore, Engine]) -> None:
    verified = verify(reloaded[0], SETTINGS)
    assert verified.difference is None
    assert verified.decisions == reloaded[0].count_decisions()


def test_an_engine_that_dies_behind_a_reload_comes_back_to_the_same_states(
    reloaded: tuple[MemoryStore, Engine],
) -> None:
    again = Engine(reloaded[0], SETTINGS)  # nothing was saved: all is replayed on the scores on record
    assert again.population.table.rows.tobytes() == reloaded[1].population.table.rows.tobytes()
    assert again.population.volume.to_bytes() == reloaded[1].population.volume.to_bytes()


def test_an_engine_with_models_of_its_own_follows_nobody() -> None:
    store = MemoryStore()
    engine = Engine(store, SETTINGS, simple_scorer())
    both(store)
    engine.submit([record for _, record in inputs()], [to_us(when) for when, _ in inputs()])
    engine.advance(END)
    assert list(by_version(store)) == [simple_scorer().version]


def pointed(kind: str, name: str, version: str) -> Change:
    def change(store: Store) -> None:
        store.save_meta(f"{kind}_model_in_force", f"{name} {version}".encode())

    return change


def corrupt(store: Store) -> None:
    model = PlainRanker(0.7)
    data = served.save(model)
    at = data.index(np.float64(0.7).tobytes())
    store.put_model("plain_ranker", model.version, data[:at] + np.float64(0.25).tobytes() + data[at + 8 :])
    pointed("rank", "plain_ranker", model.version)(store)


def truncated(store: Store) -> None:
    store.put_model("plain_ranker", "cut", served.save(PlainRanker(0.7))[:40])
    pointed("rank", "plain_ranker", "cut")(store)


def broken(store: Store) -> None:
    model = BrokenRanker("nan")
    store.put_model("broken_ranker", model.version, served.save(model))
    pointed("rank", "broken_ranker", model.version)(store)


def of_another_kind(store: Store) -> None:
    model = ClickRate()
    store.put_model("click_rate", model.version, served.save(model))
    pointed("slot", "click_rate", model.version)(store)


BAD = {
    "changed bytes": corrupt,
    "half a model": truncated,
    "NaN": broken,
    "a model of clicks as one of hours": of_another_kind,
    "a model that is not there": pointed("rank", "plain_ranker", "0123456789abcdef"),
    "an unknown name": pointed("slot", "oracle", "1"),
    "no name at all": pointed("slot", "\xff", ""),
}


@pytest.fixture(scope="module")
def calm() -> MemoryStore:
    """A short day with a good ranker."""
    patch, store = pytest.MonkeyPatch(), MemoryStore()
    patch.setitem(MODELS, "plain_ranker", "rank_models:PlainRanker")
    live(store, (ranker, nothing), end=SOON)
    patch.undo()
    return store


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_model_is_refused_and_the_last_good_one_decides_on(
    bad: Change, calm: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    with caplog.at_level(logging.WARNING):
        engine = live(store, (ranker, bad), end=SOON)
    assert len(made(store)) > 20
    assert made(store) == made(calm)
    assert engine.telemetry.snapshot()["engine.models.refused"] == 1
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "is refused; the last good model decides" in warning
    (reject,) = [reject for reject in store.rejects(10) if reject.kind == "model"]
    assert reject.reason in warning
    again = Engine(store, SETTINGS)  # and so it does when the engine is opened again
    assert history(store) == history(calm)
    assert again.telemetry.snapshot()["engine.models.refused"] == 1
    both(store)
    again.advance(SOON + timedelta(hours=1))
    assert again.telemetry.snapshot()["engine.models.taken"] == 2


def test_without_a_good_one_before_a_bad_model_stops_the_engine_from_opening() -> None:
    store = MemoryStore()
    corrupt(store)
    with pytest.raises(InvalidModel, match="changed after saving"):
        Engine(store, SETTINGS)
    with pytest.raises(InvalidModel, match="changed after saving"):
        scorer_of(store)


def test_both_kinds_are_in_force_side_by_side_and_earlier_versions_stay(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "app.db", synchronous="normal")
    ranker(store)
    both(store)
    slot, rank = slot_model_in_force(store), rank_model_in_force(store)
    assert slot is not None
    assert rank is not None
    assert (slot.version, rank.version) == (EVENING.version, PlainRanker(0.3).version)
    earlier = PlainRanker()
    assert in_force.rank_model(store, in_force.Kept("plain_ranker", earlier.version)).version == earlier.version
    with pytest.raises(StoreError, match="not there; run tactful train ranker again"):
        in_force.rank_model(store, in_force.Kept("plain_ranker", "0"))
    store.close()


def test_a_ranker_that_raises_is_not_put_in_force() -> None:
    store = MemoryStore()
    ranker(store)
    with pytest.raises(InvalidModel, match="ZeroDivisionError"), store.transaction():
        put_in_force(store, BrokenRanker("raises"))
    found = rank_model_in_force(store)
    assert found is not None
    assert found.version == PlainRanker().version


def test_the_provider_of_the_settings_runs_graphs_and_one_that_is_not_there_is_refused() -> None:
    fixtures = Path(__file__).parents[1] / "fixtures"
    graphs = (
        ServedSlots((fixtures / "slot_model.onnx").read_bytes()),
        served.load((fixtures / "ranker.msgpack").read_bytes()),
    )
    for model in graphs:
        assert isinstance(model, GraphModel)
        assert model.on("CPUExecutionProvider").version == model.version
        store = MemoryStore()
        with store.transaction():
            put_in_force(store, model)
        elsewhere = Settings(engine=EngineSettings(onnx_provider="MoonExecutionProvider"))
        with pytest.raises(InvalidSettings, match="CPUExecutionProvider"):
            Engine(store, elsewhere)
        Engine(store, SETTINGS)
        with pytest.raises(InvalidSettings, match="MoonExecutionProvider"):  # though a good one spoke before
            Engine(store, elsewhere)
    forest = MemoryStore()
    put_in_force(forest, EVENING)
    Engine(forest, elsewhere)  # nothing there needs it
