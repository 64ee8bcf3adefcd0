"""Letters with many records: taken in order, once, and a bad record in one is refused alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stage import act, at, person, told
from tactful.clock import SimulatedClock, to_us
from tactful.events.letters import bundle, opened
from tactful.events.records import Input, decode, encode
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import Settings
from tactful.stores.memory import MemoryStore
from tactful.stores.protocols import LoggedInput, Refused, Store
from tactful.stores.sqlite import SqliteStore

RECORDS: list[Input] = [person(), *(told(f"c{i}", created=at(9)) for i in range(30)), act("e1", "session", at(9))]


def taken(store: Store) -> list[bytes]:
    """What the log holds after an engine has collected."""
    Engine(store, Settings(), clock=SimulatedClock(to_us(at(10)))).advance(at(10))
    return [logged.data for logged in store.read(-1, 1000)]


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=70))
def test_what_was_bundled_comes_out(texts: list[bytes]) -> None:
    records = [encode(told(f"c{i}", payload={"text": text.hex()})) for i, text in enumerate(texts)]
    assert not records or list(opened(bundle(records))) == records


def test_a_letter_of_more_than_65535_records_is_read() -> None:
    assert list(opened(bundle([b"\x01"] * 70_000))) == [b"\x01"] * 70_000


def test_one_letter_or_many_make_the_same_log() -> None:
    data = [encode(record) for record in RECORDS]
    one, many, some = MemoryStore(), MemoryStore(), MemoryStore()
    one.post([bundle(data)])
    many.post(data)
    some.post([bundle(data[:5]), data[5], bundle(data[6:])])
    assert taken(one) == taken(many) == taken(some) == data


def test_a_bad_record_in_a_letter_is_refused_alone_and_kept_with_its_reason() -> None:
    bad = [b"\x01", encode(told("bad", payload={})), b"\x80"]
    good = [encode(record) for record in RECORDS[:3]]
    store = MemoryStore()
    store.post([bundle([good[0], bad[0], good[1], bad[1], good[2]]), bad[2], b"\x93\x01"])
    assert taken(store) == good
    assert {reject.data for reject in store.rejects(9)} == {*bad, b"\x93\x01"}
    assert any("follower_name" in reject.reason for reject in store.rejects(9))


class Stumbling(SqliteStore):
    """Fails at its n-th append, as a full disk would."""

    def __init__(self, path: Path, at_append: int) -> None:
        self.left = at_append
        super().__init__(path, synchronous="normal")

    def append(self, inputs: Sequence[LoggedInput]) -> list[Refused]:
        self.left -= 1
        if not self.left:
            super().append(inputs)
            raise OSError("disk full")
        return super().append(inputs)


def test_letters_of_an_engine_that_dies_while_it_takes_them_are_taken_once_by_the_next(tmp_path: Path) -> None:
    data = [encode(told(f"c{i}", created=at(9), payload={**payload(), "text": "x" * 60_000})) for i in range(40)]
    path = tmp_path / "app.db"
    first = SqliteStore(path)
    first.post([bundle(data[start : start + 10]) for start in range(0, 40, 10)])
    first.close()
    dying = Stumbling(path, at_append=2)
    with pytest.raises(OSError, match="disk full"):
        taken(dying)
    dying.close()
    store = SqliteStore(path)
    before = [decode(logged.data) for logged in store.read(-1, 1000)]
    assert 0 < len(before) < 40
    assert taken(store) == data
    store.close()


def payload() -> dict[str, str]:
    return {"follower_name": "Ada", "url": "https://app.invalid/1"}
