"""What training reads of a store is what its decisions read and what its people did."""

import numpy as np
import pytest

from ranking_store import fill_store
from tactful.clock import to_us
from tactful.errors import NotEnoughData
from tactful.events.records import CHANNELS, Decision, decode
from tactful.events.registry import Registry
from tactful.features.ranking_snapshot import opened
from tactful.stores.memory import MemoryStore
from tactful.stores.sqlite import SqliteStore
from tactful.training.ranking.rows import rows
from tactful.training.ranking.stored import read_log

TYPES = Registry.shipped().types


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    path = tmp_path_factory.mktemp("ranking") / "app.db"
    fill_store(path, people=40, days=6)
    return SqliteStore(path, read_only=True)


def _kept(store: SqliteStore) -> list[Decision]:
    records = [decode(row.data) for row in store.decisions_between(0, 1 << 62) if row.action_code == 0]
    return [one for one in records if isinstance(one, Decision) and one.snapshot]


def test_every_send_with_a_snapshot_is_read_with_the_candidate_that_was_sent(store: SqliteStore) -> None:
    log, kept = read_log(store, TYPES), _kept(store)
    assert len(log) == len(kept) > 50
    by_key = {int(one.decision_id, 16) & 0xFFFFFFFFFFFFFFFF: one for one in kept}
    for i in range(0, len(log), 7):
        one = by_key[int(log.sends.decision[i])]
        pool = opened([one.snapshot])
        assert log.sends.at_us[i] == to_us(one.at)
        assert CHANNELS[log.sends.channel[i]] == one.channel
        assert np.array_equal(log.inputs.candidate[i, 0], pool.candidate[0, one.snapshot_place])
        assert np.array_equal(log.inputs.content[i], pool.content[0])
        assert log.random[i] == (one.bucket == "random_send")
        assert log.logged[i] == one.log_probability


def test_an_engines_own_log_passes_the_search_for_later_knowledge(store: SqliteStore) -> None:
    learned = rows(read_log(store, TYPES))
    assert learned.known.any()
    assert set(learned.keep[learned.random].ravel().tolist()) == {1.0}


def test_messages_of_types_that_are_gone_are_left_out(store: SqliteStore) -> None:
    kept = {one.type for one in _kept(store)}
    some = [each for each in TYPES if each.name == sorted(str(name) for name in kept)[0]]
    assert 0 < len(read_log(store, some)) < len(read_log(store, TYPES))


def test_a_store_without_snapshots_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotEnoughData, match=r"exploration\.logged_sends"):
        read_log(MemoryStore(), TYPES)
