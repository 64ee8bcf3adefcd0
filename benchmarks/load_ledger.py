"""What a store and a provider say of every event and message after `load_and_faults`: nothing lost, nothing twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from tactful.events.records import Candidate, Decision, decode
from tactful.runtime.embedded import Engine
from tactful.runtime.settings import noted
from tactful.stores.protocols import OutboxEntry
from tactful.stores.sqlite import SqliteStore

_READ: Final = 4096
_ALL_US: Final = 1 << 62
_BLOCKS: Final = 12
_FEWEST: Final = 20
"""Samples, a second apart, of which a trend is told."""


class Ledger(msgspec.Struct, frozen=True):
    """Events by what became of them, and messages by how they fared; `problems` says what broke a promise."""

    acknowledged: int
    sent: int
    dropped: int
    pooled: int
    rejected: int
    messages: dict[str, int]
    repeated_under_its_key: int
    problems: list[str]


class Memory(msgspec.Struct, frozen=True):
    """RSS of one life of the process: its peak, and over the last two thirds the median and the trend.

    `per_minute` is the slope in MB a minute, with a 95 % interval; all 0 for a life of less than half a minute.
    """

    seconds: float
    peak_mb: float
    mb: float = 0.0
    per_minute: float = 0.0
    low: float = 0.0
    high: float = 0.0


def ledger(path: Path, acknowledged: bytearray, taken: Mapping[tuple[str, str], int]) -> Ledger:
    """Returns what became of events `e0`, `e1`, ...

    Args:
        acknowledged: for each event, whether the client heard 202.
        taken: how often the provider took each message, by path and decision id; `/push` honours keys, `/email` not.
    """
    store = SqliteStore(path, read_only=True)
    n, problems = len(acknowledged), list[str]()
    logged, sent, dropped, pooled, rejected = (np.zeros(n, dtype=np.int64) for _ in range(5))
    _count_log(store, logged)
    sends = _count_decisions(store, sent, dropped)
    _count_pools(path, pooled)
    _count_rejects(store, rejected)
    owed = np.frombuffer(acknowledged, dtype=np.uint8).astype(bool)
    ends = sent + dropped + pooled + rejected
    _note(problems, owed & (logged + rejected == 0), "acknowledged and nowhere on record")
    _note(problems, owed & (ends == 0), "acknowledged and neither decided, pooled nor rejected")
    _note(problems, ends > 1, "ended in more than one way")
    if store.posted():
        problems.append(f"{store.posted()} letters still wait for the engine")
    told, repeated = _messages(store, sends, taken, problems)
    store.close()
    return Ledger(
        acknowledged=int(owed.sum()),
        sent=int(sent.sum()),
        dropped=int(dropped.sum()),
        pooled=int(pooled.sum()),
        rejected=int(rejected.sum()),
        messages=told,
        repeated_under_its_key=repeated,
        problems=problems,
    )


def memory(samples: Sequence[tuple[float, float]]) -> Memory:
    """Returns peak and trend of (second, MB).

    A straight line through the means of 12 blocks: neighbouring samples are alike, means of blocks are less so.
    """
    seconds, peak = samples[-1][0] - samples[0][0], max(mb for _, mb in samples)
    kept = np.array(samples[len(samples) // 3 :])
    if len(kept) < _FEWEST:
        return Memory(seconds, peak)
    x, y = np.array([block.mean(axis=0) for block in np.array_split(kept, _BLOCKS)]).T
    x = (x - x.mean()) / 60.0
    per_minute = float(x @ y / (x @ x))
    left = y - y.mean() - per_minute * x
    wide = float(student.ppf(0.975, _BLOCKS - 2) * np.sqrt(left @ left / (_BLOCKS - 2) / (x @ x)))
    return Memory(seconds, peak, float(np.median(kept[:, 1])), per_minute, per_minute - wide, per_minute + wide)


def _count_log(store: SqliteStore, logged: NDArray[np.int64]) -> None:
    after = -1
    while part := store.read(after, _READ):
        after = part[-1].offset
        for line in part:
            record = decode(line.data)
            if isinstance(record, Candidate):
                logged[int(record.candidate_id[1:])] += 1


def _count_decisions(
    store: SqliteStore, sent: NDArray[np.int64], dropped: NDArray[np.int64]
) -> list[tuple[str, str | None]]:
    """Decision id and channel of every send; millions of decisions are not held at once."""
    sends: list[tuple[str, str | None]] = []
    for row in store.decisions_between(0, _ALL_US):
        one = decode(row.data)
        assert isinstance(one, Decision)
        if one.action == "hold" or one.candidate_id is None:
            continue
        (sent if one.action == "send" else dropped)[int(one.candidate_id[1:])] += 1
        if one.action == "send":
            sends.append((one.decision_id, one.channel))
    return sends


def _count_pools(path: Path, pooled: NDArray[np.int64]) -> None:
    """Asks an engine that is opened over the store once more, so that what a restart would know is what counts."""
    store = SqliteStore(path)
    engine = Engine(store, noted(store))
    offsets = [at for row in engine.population.table.rows for at in row["c_offset"][: row["c_len"]].tolist()]
    for start in range(0, len(offsets), _READ):
        for data in store.fetch(offsets[start : start + _READ]).values():
            record = decode(data)
            assert isinstance(record, Candidate)
            pooled[int(record.candidate_id[1:])] += 1
    engine.close()


def _count_rejects(store: SqliteStore, rejected: NDArray[np.int64]) -> None:
    for one in store.rejects(1 << 40):
        record = decode(one.data)
        if isinstance(record, Candidate):
            rejected[int(record.candidate_id[1:])] += 1


def _note(problems: list[str], broken: NDArray[np.bool_], words: str) -> None:
    if broken.any():
        shown = ", ".join(f"e{number}" for number in np.flatnonzero(broken)[:5].tolist())
        problems.append(f"{int(broken.sum())} events {words} ({shown}, ...)")


def _messages(
    store: SqliteStore,
    sends: Sequence[tuple[str, str | None]],
    taken: Mapping[tuple[str, str], int],
    problems: list[str],
) -> tuple[dict[str, int], int]:
    """Messages by their state; and how many calls more than one the provider took under a key that it honours."""
    states: Counter[str] = Counter()
    repeated = 0
    for decision_id, channel in sends:
        entry = store.outbox_of(int(decision_id, 16))
        if entry is None:
            problems.append(f"decision {decision_id} sends, and the outbox has no message of it")
            continue
        state = _state(entry)
        states[state] += 1
        times = taken.get((f"/{channel}", decision_id), 0)
        if channel == "email" and times > 1:
            problems.append(f"decision {decision_id} arrived {times} times where keys are not honoured")
        if state == "delivered" and times == 0:
            problems.append(f"decision {decision_id} is on record as delivered, and the provider has not got it")
        if sum(attempt.outcome == "delivered" for attempt in entry.attempts) > 1:
            problems.append(f"decision {decision_id} was delivered more than once")
        repeated += max(0, times - 1)
    strangers = {key for _, key in taken} - {decision_id for decision_id, _ in sends}
    if strangers:
        problems.append(f"the provider got {len(strangers)} messages that nobody decided")
    return dict(states), repeated


def _state(entry: OutboxEntry) -> str:
    if entry.attempts and entry.attempts[-1].outcome is None:
        return "in doubt"
    if entry.next_try_us is not None:
        return "waiting"
    return str(entry.attempts[-1].outcome)
