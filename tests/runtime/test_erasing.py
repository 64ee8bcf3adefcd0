"""A person who is erased is gone from the file, from memory and for good; everybody else is as before."""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

import small_app
from small_app import END
from tactful import draws
from tactful.clock import to_us
from tactful.delivery.channels.memory import MemoryChannel
from tactful.delivery.send import Sender
from tactful.events.budget_plan import assigned, budget_plan
from tactful.events.records import CHANNELS, BudgetPlan, Catalogue, Engagement, User, decode, encode
from tactful.events.registry import Registry
from tactful.runtime import erasing
from tactful.runtime.embedded import Engine
from tactful.runtime.replaying import verify
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.order_preserving import signed
from tactful.stores.protocols import Store
from tactful.stores.sqlite import SqliteStore

ANN = "u003"
KEY = draws.key(ANN)
TRACES = (b"u003", b"push-3@app.invalid", b"email-3@app.invalid")
LATER = END + timedelta(hours=6)


class Broken(Exception):
    """What ends a transaction in these tests."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which much is known of Ann, and letters tell of her."""
    path = tmp_path_factory.mktemp("app") / "app.db"
    store = SqliteStore(path, "normal")
    fill(store)
    store.close()
    return path


@pytest.fixture(scope="module")
def memory() -> MemoryStore:
    """The same without a file."""
    store = MemoryStore()
    fill(store)
    return store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, app: Path, memory: MemoryStore, tmp_path: Path) -> Iterator[Store]:
    shutil.copy(app, tmp_path / "app.db")
    made: Store = deepcopy(memory) if request.param == "memory" else SqliteStore(tmp_path / "app.db", "normal")
    yield made
    made.close()


def fill(store: Store) -> None:
    small_app.run(store)
    of_ann, of_bob = (Engagement(engagement_id="r", user_id=user, kind="open", at=END) for user in (ANN, "u004"))
    for data in (encode(of_ann), encode(of_bob), b"\xff u003 \xff"):
        store.reject(1, "posted", "why not", data)
    Sender(store, dict.fromkeys(CHANNELS, MemoryChannel()), Registry.shipped()).run(to_us(END), 100)
    budgets = budget_plan("w1", 1, keys("u003", "u004"), np.array([1, 2], dtype=np.uint8), END)
    store.post([encode(budgets[0]), encode(Catalogue(version="v1", at=END, follows={ANN: ("a",), "u004": ("b",)}))])


def keys(*users: str) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array([draws.key(user) for user in users], dtype=np.uint64)


def erase(store: Store) -> Engine:
    """Returns the engine that has taken Ann out."""
    engine = Engine(store, Settings())
    erasing.ask(store, ANN, to_us(END))
    engine.advance(LATER)
    return engine


def everything(store: Store) -> list[object]:
    """What a store's readers may find of anybody."""
    return [
        [(i, decode(i.data)) for i in store.read(-1, 10_000)],
        list(store.load_states()),
        list(store.decisions_between(0, 2**62)),
        list(store.plans_between(0, 2**62)),
        list(store.budgets_between(0, 2**62)),
        store.rejects(1_000),
        store.catalogue(),
        [store.outbox_of(row.decision_key) for row in store.decisions_between(0, 2**62)],
    ]


def test_nothing_of_an_erased_person_is_found_any_more(store: Store) -> None:
    inputs, decisions = len(store.read(-1, 10_000)) + store.posted(), store.count_decisions()
    of_ann = [row.decision_key for row in store.decisions_of(KEY, 0, 2**62)]
    sent = [key for key in of_ann if store.outbox_of(key)]
    engine = erase(store)
    assert store.inputs_of(KEY, 0, 2**62) == []
    assert store.decisions_of(KEY, 0, 2**62) == [] == store.plans_of(KEY, 0, 2**62)
    assert all(store.decision(key) is None for key in of_ann)
    messages = [store.outbox_of(key) for key in sent]
    assert all(m and m.row.message == b"" and m.next_try_us is None for m in messages)
    assert not any(trace.decode() in repr(everything(store)) for trace in TRACES)
    assert ANN not in engine.user_ids
    assert engine.population.table.find(KEY) is None
    assert not any(trace.decode() in repr(vars(engine)) for trace in TRACES)
    # and the counts add up
    gone, new = erasing.totals(store), list(store.decisions_between(to_us(END) + 1, 2**62))
    assert (gone.people, gone.decisions, gone.messages) == (1, len(of_ann), len(sent))
    assert len(store.read(-1, 10_000)) + gone.inputs == inputs
    assert store.count_decisions() - len(new) + gone.decisions == decisions


def test_shared_inputs_are_kept_for_the_others(store: Store) -> None:
    erase(store)
    shared = [decode(i.data) for i in store.inputs_of(0, 0, 2**62)]
    (plan,) = [one for one in shared if isinstance(one, BudgetPlan)]
    users, budgets = assigned(plan)
    assert (users.tolist(), budgets.tolist()) == (keys("u004").tolist(), [2])
    (catalogue,) = [one for one in shared if isinstance(one, Catalogue)]
    assert catalogue.follows == {"u004": ("b",)}
    assert [r.data for r in store.rejects(10) if r.reason != "erased"] == [
        encode(Engagement(engagement_id="r", user_id="u004", kind="open", at=END))
    ]


def test_no_byte_of_an_erased_person_is_left_in_the_file(app: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(app, tmp_path / "app.db"))
    before = path.read_bytes()
    assert all(trace in before for trace in TRACES)
    erase(SqliteStore(path, "normal"))
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not any(trace in files for trace in TRACES)
    assert signed(KEY).to_bytes(8, "big", signed=True) not in files


def test_a_reader_who_holds_the_log_of_writes_back_is_waited_for(app: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(app, tmp_path / "app.db"))
    engine, reader = Engine(SqliteStore(path, "normal"), Settings()), SqliteStore(path, read_only=True)
    lines = reader.decisions_between(0, 2**62)
    next(lines)
    erasing.ask(engine.store, ANN, to_us(END))
    engine.advance(END + timedelta(microseconds=1))
    assert any(trace in (tmp_path / "app.db-wal").read_bytes() + path.read_bytes() for trace in TRACES)
    del lines
    reader.close()
    engine.advance(END + timedelta(microseconds=2))
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not any(trace in files for trace in TRACES)


def test_everybody_else_is_on_record_as_before(store: Store) -> None:
    before = [row for row in store.decisions_between(0, to_us(END)) if row.user_key != KEY]
    engine = Engine(store, Settings())
    rows = {u: engine.population.table.rows[i].tobytes() for i, u in enumerate(engine.user_ids) if u != ANN}
    erasing.ask(store, ANN, to_us(END))
    engine.advance(END + timedelta(microseconds=1))
    assert list(store.decisions_between(0, to_us(END))) == before
    assert {u: engine.population.table.rows[i].tobytes() for i, u in enumerate(engine.user_ids)} == rows


def test_the_log_replays_to_what_is_on_record_and_the_engine_goes_on(store: Store) -> None:
    erase(store)
    found = verify(store, Settings())
    assert found.equal, found.difference
    Engine(store, Settings()).advance(LATER + timedelta(days=1))
    found = verify(store, Settings())
    assert found.equal, found.difference
    assert found.decisions == store.count_decisions() > 0


def test_an_erased_person_does_not_come_back_with_a_late_input(store: Store) -> None:
    engine = erase(store)
    late = [
        User(user_id=ANN, addresses={"push": "push-3@app.invalid"}, opt_in=("push",)),
        Engagement(engagement_id="late", user_id=ANN, kind="open", at=LATER),
        User(user_id="u004", addresses={}, opt_in=()),
    ]
    receipt = engine.submit(late)
    assert receipt.accepted == 1
    assert [r.reason for r in receipt.rejected] == [erasing.REFUSED] * 2
    store.post([encode(record) for record in late])
    engine.advance(LATER + timedelta(hours=1))
    again = Engine(store, Settings())
    assert ANN not in again.user_ids
    assert store.rejects(1)[0].reason == erasing.REFUSED
    assert not any(trace.decode() in repr(everything(store)) for trace in TRACES)


def test_nothing_is_sent_from_the_moment_she_is_to_be_erased(store: Store) -> None:
    assert not store.suppressed(KEY, 0)
    since = erasing.ask(store, ANN, to_us(END))
    assert erasing.ask(store, ANN, to_us(LATER)) == since == END
    assert store.suppressed(KEY, 0)
    assert erasing.erased_at(store, ANN) is None
    Engine(store, Settings()).advance(LATER)
    assert erasing.erased_at(store, ANN) is not None
    assert erasing.asked(store) == []


def test_an_erasure_that_breaks_off_has_erased_nothing_and_is_done_by_the_next_engine(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(store, Settings())
    before = everything(store)
    erasing.ask(store, ANN, to_us(END))

    def broken(*_: object) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_save", broken)
        with pytest.raises(Broken):
            engine.advance(LATER)
    assert everything(store) == before
    Engine(store, Settings()).advance(LATER)
    assert store.inputs_of(KEY, 0, 2**62) == []


def test_nobody_who_was_never_known_may_be_erased_too(store: Store) -> None:
    engine = Engine(store, Settings())
    erasing.ask(store, "stranger", to_us(END))
    engine.advance(LATER)
    assert not engine.submit([User(user_id="stranger")]).accepted


def test_what_a_provider_says_after_an_erasure_is_not_kept_and_not_tried_again(store: Store) -> None:
    engine = Engine(store, Settings())
    key = next(row.decision_key for row in store.decisions_of(KEY, 0, 2**62) if row.action_code == 0)
    store.redrive(key, to_us(END))
    entry = store.outbox_of(key)
    assert entry is not None
    number = store.begin_attempt(key, to_us(LATER)) if entry.next_try_us is not None else None
    erasing.ask(store, ANN, to_us(END))
    engine.advance(LATER)
    if number is not None:
        store.end_attempt(key, number, "retry", "push-3@app.invalid is busy", to_us(LATER))
    after = store.outbox_of(key)
    assert after is not None
    assert after.next_try_us is None
    assert all(attempt.detail == "" for attempt in after.attempts)
