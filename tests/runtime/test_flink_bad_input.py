"""Bad input on the operators of Flink, without Flink: told with its reason; all else is decided as without it."""

from pathlib import Path

import msgspec

from bad_log import END, FAT, OF_LAST_YEAR, POISON, log, spoiled
from flink_worker import GROUPS, Worker, decisions, feed, opened, parts_of, prices_of
from shards import embedded, left_by
from streams import BUSY
from tactful.events.records import Decision, decode
from tactful.runtime.flink import bundle
from tactful.runtime.flink.groups import Plan
from tactful.runtime.flink.reading import REFUSED
from tactful.runtime.flink.rows import Rejected

CANDIDATES, POOL = 3_000, 16


def test_poison_newer_schemas_clocks_apart_and_a_fat_pool_change_no_decision_and_each_is_told(tmp_path: Path) -> None:
    app = embedded(log(8, CANDIDATES), BUSY, END)
    alone = left_by(app)
    bundle.export(app.store, tmp_path / "good", BUSY)
    folder = spoiled(tmp_path / "good", tmp_path / "in")
    parts = parts_of(folder)
    unreadable = [msgspec.json.decode(part.data, type=Rejected).reason for part in parts if part.group == REFUSED]
    assert len(unreadable) == len(POISON) + 1
    assert [any(words in reason for reason in unreadable) for words in (*POISON, "lost.ndjson")] == [True] * 5
    worker = Worker()
    operator = opened(worker, Plan(str(folder), GROUPS, 24, END))
    feed(worker, operator, [*prices_of(folder), *(part for part in parts if part.group != REFUSED)])
    made = list(worker.ring(operator))
    assert decisions(made) == sorted(alone.decisions)
    told = [line for kind, text in made if kind == "rejected" for line in text.split("\n")]
    assert len(told) == OF_LAST_YEAR + GROUPS
    dropped = [one for one in map(decode, alone.decisions) if isinstance(one, Decision) and one.user_id == FAT]
    assert sum(one.reasons[0].code == "pool_full" for one in dropped) == CANDIDATES - POOL
    assert len(alone.users[FAT]) < 8_192
