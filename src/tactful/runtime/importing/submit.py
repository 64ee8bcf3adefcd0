"""Submits a log that was read to an engine: every record at its own time, and the engine kept level with it."""

from collections import Counter
from collections.abc import Callable

import msgspec

from tactful import draws
from tactful.clock import from_us, to_us
from tactful.events.records import Engagement, User
from tactful.runtime.embedded import Engine
from tactful.runtime.importing.log import Batch, Log


class Submitted(msgspec.Struct, frozen=True):
    """What became of the records of a log: taken, known before, or refused (`reasons` counts why).

    `decisions` counts what the engine decided on the way: nothing, unless the store has candidates.
    """

    accepted: int
    known: int
    refused: int
    reasons: dict[str, int]
    decisions: int


def submit_log(engine: Engine, log: Log, progress: Callable[[int], None] | None = None) -> Submitted:
    """Submits all records of a log and returns what became of them.

    A user who has a profile keeps it: the log knows her by her id only. The engine advances with the log, so that
    a long one is never held in memory twice.

    Args:
        engine: over the store that is to have them.
        log: what `read_log` returned.
        progress: told how many engagements were submitted so far.
    """
    accepted = known = decisions = done = 0
    reasons: Counter[str] = Counter()
    for batch in log:
        records, kept = _records(engine, batch)
        stamps = [stamp for stamp, _ in records]
        receipt = engine.submit([record for _, record in records], stamps)
        accepted, known = accepted + receipt.accepted, known + receipt.duplicates + kept
        reasons.update(refusal.reason for refusal in receipt.rejected)
        decisions += len(engine.advance(from_us(stamps[-1] - 1)))
        done += len(batch.engagements)
        if progress:
            progress(done)
    decisions += len(engine.advance(log.report.last_at))
    return Submitted(accepted, known, reasons.total(), dict(reasons), decisions)


def _records(engine: Engine, batch: Batch) -> tuple[list[tuple[int, User | Engagement]], int]:
    """The records of a batch with their stamps, a new user before her first act; and how many profiles stood."""
    new = {user.user_id: user for user in batch.users}
    found: list[tuple[int, User | Engagement]] = []
    kept = 0
    for act in batch.engagements:
        stamp = to_us(act.at)
        user = new.pop(act.user_id, None)
        if user is not None:
            if _has_profile(engine, user.user_id):
                kept += 1
            else:
                found.append((stamp, user))
        found.append((stamp, act))
    return found, kept


def _has_profile(engine: Engine, user_id: str) -> bool:
    table = engine.population.table
    row = table.find(draws.key(user_id))
    return row is not None and int(table.rows["profile_offset"][row]) >= 0
