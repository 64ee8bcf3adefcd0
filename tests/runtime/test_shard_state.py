"""A user's state outlives the version that wrote it, and says the same whoever wrote it."""

import msgspec
import numpy as np
import pytest

from stage import CALM, App, act, at, person, told
from tactful import draws
from tactful.errors import StoreError
from tactful.features.history import ROW, UserTable, layout
from tactful.features.state_bytes import packed
from tactful.runtime.models_in_use import simple_scorer
from tactful.runtime.shard import Shard
from tactful.runtime.shard_state import ShardState, UserState, layout_key, load_rows, read_users, users_of
from tactful.stores.protocols import Store

ELSEWHERE = ("Asia/Kolkata", "Europe/Berlin")


def texts(store: Store) -> dict[int, bytes]:
    return {one.offset: one.data for one in store.read(-1, 1000)}


def lived(*zones: str) -> dict[str, bytes]:
    """Ann in Berlin, after people of other zones came in a given order."""
    app = App(CALM)
    app.submit(at(1), *(person(f"other-{i}", timezone=zone) for i, zone in enumerate(zones)))
    app.submit(at(2), person("ann", timezone="Europe/Berlin"), told("c1", created=at(2)), told("c2", created=at(2)))
    app.submit(at(3), act("e1", "session", at(3)))
    app.run(at(4))
    engine = app.engine
    return dict(users_of(engine.population, engine.user_ids, texts(app.store), range(len(engine.user_ids))))


def test_the_order_in_which_zones_were_seen_leaves_no_trace() -> None:
    assert lived(*ELSEWHERE)["ann"] == lived(*reversed(ELSEWHERE))["ann"]


def test_a_user_takes_less_than_four_kilobytes() -> None:
    assert len(lived()["ann"]) < 4096


def older() -> tuple[UserState, dict[int, list[tuple[str, str, tuple[int, ...]]]]]:
    """Ann's state as a version would have written it that knew no wishes and had a field that is gone."""
    state = msgspec.msgpack.decode(lived()["ann"], type=UserState)
    table = UserTable()
    load_rows(table, [state], {layout_key(): layout()}, ["UTC", "Europe/Berlin"])
    names = [name for name in ROW.names or () if name != "wish"]
    kind = np.dtype([("gone", "i4"), *((name, ROW[name].base, ROW[name].shape) for name in names)])
    row = np.zeros(1, dtype=kind)
    for name in names:
        row[name] = table.rows[name]
    told = [(name, kind[name].base.str, tuple(kind[name].shape)) for name in kind.names or ()]
    key = draws.key(msgspec.msgpack.encode(told))
    return msgspec.structs.replace(state, layout=key, row=next(packed(row))), {key: told}


def test_a_row_of_an_older_layout_is_read_and_written_anew() -> None:
    old, layouts = older()
    shard = Shard(0, 1, CALM, App(CALM).engine.registry, simple_scorer(), 0)
    saved = ShardState.from_bytes(shard.changed().shard)
    saved = msgspec.structs.replace(saved, layouts=layouts)
    again = Shard.restored(saved.to_bytes(), [msgspec.msgpack.encode(old)], CALM, simple_scorer())
    ((user_id, data),) = again.changed().users
    assert user_id == "ann"
    state = msgspec.msgpack.decode(data, type=UserState)
    assert state.layout == layout_key()
    assert (state.zone, state.texts) == (old.zone, old.texts)
    table = UserTable()
    load_rows(table, [state], {layout_key(): layout()}, ["Europe/Berlin"])
    assert table.rows["wish"].tolist() == [-1]
    assert table.rows["user_key"].tolist() == [draws.key("ann")]
    assert again.changed().users == []


def test_states_that_a_later_version_wrote_or_that_are_damaged_are_refused() -> None:
    state = msgspec.msgpack.decode(lived()["ann"], type=UserState)
    later = msgspec.msgpack.encode(msgspec.structs.replace(state, format=2))
    with pytest.raises(StoreError, match="format 2"):
        read_users([later])
    with pytest.raises(StoreError, match="no state of a user"):
        read_users([b"\x93"])
    with pytest.raises(StoreError, match="no state of a shard"):
        ShardState.from_bytes(b"nothing")
    with pytest.raises(StoreError, match="expected one of 0 known"):
        load_rows(UserTable(), [state], {}, ["UTC", "Europe/Berlin"])
