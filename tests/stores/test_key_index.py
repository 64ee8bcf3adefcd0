"""The key index equals a plain dict of the log's keys, through rotations, restarts and rollbacks."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.stores import key_index
from tactful.stores.key_index import NO_KEY, KeyIndex
from tactful.stores.schema import upgrade

GENERATION = 16


class Log:
    """A log of keys alone, with the index under test and the dict that it must equal."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        upgrade(self.db)
        self.index = KeyIndex(self.db, GENERATION)
        self.truth: dict[int, int] = {}
        self.next = 0

    def append(self, keys: list[int]) -> None:
        offsets = np.arange(self.next, self.next + len(keys))
        self.index.catch_up(self.next - 1)
        known = self.index.find_or_add(np.array(keys, dtype=np.int64), offsets)
        for key, offset, found in zip(keys, offsets.tolist(), known.tolist(), strict=True):
            assert found == self.truth.get(key, -1)
            self.truth.setdefault(key, offset)
        page = np.where(known < 0, np.array(keys, dtype=np.int64), NO_KEY)
        self.db.execute("INSERT INTO input_pages VALUES (?, x'', ?)", (self.next, page.tobytes()))
        self.next += len(keys)

    def restart(self) -> None:
        self.index = KeyIndex(self.db, GENERATION)

    def check(self) -> None:
        """Whatever is in neither generation must be in the table."""
        (through,) = self.db.execute("SELECT offset FROM keys_through").fetchone()
        stored = dict(self.db.execute("SELECT dedupe_key, offset FROM keys"))
        assert stored.items() <= self.truth.items()
        assert {k for k, offset in self.truth.items() if offset <= through} <= stored.keys()


@pytest.fixture(autouse=True)
def small_lumps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_index, "LUMP", 3)


_KEYS = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-30, 30))
_STEPS = st.lists(
    st.one_of(st.lists(_KEYS, min_size=1, max_size=50), st.sampled_from(["restart", "rollback"])),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_the_index_knows_exactly_the_keys_of_the_log(steps: list[list[int] | str]) -> None:
    log = Log()
    try:
        for step in steps:
            if step == "restart":
                log.restart()
            elif step == "rollback":
                kept, first = dict(log.truth), log.next
                log.db.execute("BEGIN")
                log.append(list(range(100, 140)))
                log.db.execute("ROLLBACK")
                log.truth, log.next = kept, first
                log.restart()
            else:
                log.append([int(key) for key in step])
            log.check()
    finally:
        log.db.close()


def test_every_key_but_the_newest_two_generations_moves_into_the_table() -> None:
    log = Log()
    rng = np.random.default_rng(4)
    for _ in range(100):
        log.append(rng.integers(-(2**62), 2**62, size=5).tolist())
    (stored,) = log.db.execute("SELECT count(*) FROM keys").fetchone()
    assert stored >= 500 - 2 * GENERATION
    log.db.close()


def test_no_append_moves_much_more_than_it_brings() -> None:
    log = Log()
    rng = np.random.default_rng(5)
    stored = 0
    for _ in range(300):
        log.append(rng.integers(-(2**62), 2**62, size=2).tolist())
        (now,) = log.db.execute("SELECT count(*) FROM keys").fetchone()
        assert now - stored <= 8
        stored = now
    log.db.close()


def test_a_restart_in_the_middle_of_a_long_log_still_knows_all(tmp_path: Path) -> None:
    log = Log()
    rng = np.random.default_rng(6)
    keys = rng.integers(-(2**62), 2**62, size=400).tolist()
    for start in range(0, 400, 8):
        log.append(keys[start : start + 8])
        if start % 56 == 0:
            log.restart()
    log.append(keys)
    log.check()
    log.db.close()
