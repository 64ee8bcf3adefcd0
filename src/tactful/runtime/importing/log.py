"""The story of an import: read all rows, set aside what does not fit, order the rest, hand it out as records.

A log is read whole, as columns, before its first record is made, because records must come in the order of time:
at most `MAX_ROWS` rows, about 135 bytes a record at the peak (derived sessions are records too, and the distinct
users, items and explicit ids come on top). Records are made a batch at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import UInt64

from tactful import draws
from tactful.clock import EPOCH, from_us
from tactful.errors import UnreadableInput
from tactful.events.records import CHANNELS, KINDS, Engagement, User
from tactful.runtime.importing.arrange import Rows, joined, repeats, sessions
from tactful.runtime.importing.files import log_files, read_chunks
from tactful.runtime.importing.gather import Gathered
from tactful.runtime.importing.mapping import Defaults, Mapping
from tactful.runtime.importing.rejects import Reject, Rejects

MAX_ROWS = 50_000_000
BATCH_ROWS = 8_192


class Progress(NamedTuple):
    """How far reading has come."""

    rows: int
    bytes_done: int
    bytes_total: int


class Batch(NamedTuple):
    """Consecutive engagements by (time, id), and the users who appear in them for the first time."""

    users: tuple[User, ...]
    engagements: tuple[Engagement, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did. Every row read was taken, a duplicate, ignored (by the mapping) or rejected.

    `sessions` are derived and come on top of the rows; `reasons` counts the rejects.
    """

    rows: int
    taken: int
    duplicates: int
    ignored: int
    rejected: int
    sessions: int
    users: int
    first_at: datetime
    last_at: datetime
    reasons: dict[str, int]


@dataclass(frozen=True, eq=False, slots=True)
class Log:
    """A log in order. Iterating makes its records, batch by batch; `rows` are the same as columns.

    `users`, `items` and `ids` (Arrow strings) are what the columns point into; if `ids` is None, an id is the hash,
    in hex.
    """

    rows: Rows
    users: list[str]
    items: list[str]
    ids: Any
    defaults: Defaults
    report: Report

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(BATCH_ROWS)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yields all records, so many engagements at a time; a user comes with her first engagement."""
        appear = np.sort(np.unique(self.rows.user, return_index=True)[1])
        for start in range(0, len(self.rows), size):
            end = min(start + size, len(self.rows))
            new = appear[np.searchsorted(appear, start) : np.searchsorted(appear, end)]
            users = tuple(self.defaults.user(self.users[position]) for position in self.rows.user[new].tolist())
            yield Batch(users, tuple(self._engagements(start, end)))

    def _engagements(self, start: int, end: int) -> Iterator[Engagement]:
        rows = self.rows
        columns = (rows.at_us, rows.user, rows.kind, rows.item, rows.category, rows.channel, rows.value)
        lists = (column[start:end].tolist() for column in columns)
        ids = self._ids(rows.engagement_id[start:end])
        for text, at_us, user, kind, item, category, channel, value in zip(ids, *lists, strict=True):
            yield Engagement(
                engagement_id=text,
                user_id=self.users[user],
                kind=KINDS[kind],
                at=EPOCH + timedelta(microseconds=at_us),
                item=self.items[item],
                category=category,
                channel=None if channel < 0 else CHANNELS[channel],
                value=value,
            )

    def _ids(self, numbers: UInt64[np.ndarray, " m"]) -> list[str]:
        if self.ids is None:
            return [f"{number:016x}" for number in numbers.tolist()]
        texts: list[str] = self.ids.take(pa.array(numbers)).to_pylist()
        return texts


def read_log(
    path: Path,
    mapping: Mapping,
    rejects: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Log:
    """Returns the log in a file, or in all files of a folder, sorted by (time, id).

    Args:
        path: CSV or TSV with a header, NDJSON (.ndjson, .jsonl) or Parquet.
        mapping: which column is what.
        rejects: where refused rows are written (NDJSON; replaced); None only counts them.
        progress: called after each piece that was read.

    Raises:
        UnreadableInput: if there is no such file, it is empty, cut (Parquet), lacks a column, has more than
            `MAX_ROWS` rows, or not one of its rows can be taken.
    """
    files = log_files(path)
    sizes = [file.stat().st_size for file in files]
    with Rejects(rejects) as refused:
        gathered = Gathered(mapping, refused)
        for number, file in enumerate(files):
            for chunk in read_chunks(file, mapping.columns):
                gathered.add(chunk, file, number)
                if gathered.read > MAX_ROWS:
                    raise UnreadableInput(f"{path}: got over {MAX_ROWS:,} rows, more than fit; split it by time")
                if progress:
                    progress(Progress(gathered.read, sum(sizes[:number]) + chunk.bytes_done, sum(sizes)))
        if not len(gathered):
            raise UnreadableInput(_nothing_taken(path, gathered, refused))
        return _arranged(gathered, mapping, refused, files)


def _nothing_taken(path: Path, gathered: Gathered, refused: Rejects) -> str:
    if not gathered.read:
        return f"{path} holds no rows"
    why = "; ".join(f"{count:,} x {reason}" for reason, count in refused.reasons.most_common(3))
    return f"{path}: none of {gathered.read:,} rows can be taken ({why or 'the mapping ignores all'})"


def _arranged(gathered: Gathered, mapping: Mapping, refused: Rejects, files: list[Path]) -> Log:
    no_item = int(gathered.items.codes(pa.array([""]))[0])
    users, items = gathered.users.listed(), gathered.items.listed()
    rows, ids = gathered.release()
    duplicate, conflict = repeats(rows)
    for row in np.flatnonzero(conflict):
        place = str(files[rows.file[row]]), int(rows.line[row])
        shown = {"user": users[rows.user[row]], "at": from_us(int(rows.at_us[row]))}
        refused.add(Reject(*place, "id: an earlier row has the same id and other content", shown))
    rows = rows.take(~(duplicate | conflict))
    taken = len(rows)
    if mapping.sessions:
        user_key, no_item_key = gathered.users.keys(), draws.key("")
        rows = joined([rows, sessions(rows, mapping.sessions.length, user_key, no_item, no_item_key)])
    if ids is not None:
        rows, ids = _with_sorted_ids(rows, ids)
    rows = rows.take(np.lexsort((rows.engagement_id, rows.at_us)))
    report = Report(
        rows=gathered.read,
        taken=taken,
        duplicates=int(duplicate.sum()),
        ignored=gathered.ignored,
        rejected=refused.reasons.total(),
        sessions=len(rows) - taken,
        users=len(np.unique(rows.user)),
        first_at=from_us(int(rows.at_us[0])),
        last_at=from_us(int(rows.at_us[-1])),
        reasons=dict(refused.reasons),
    )
    return Log(rows, users, items, ids, mapping.users, report)


def _with_sorted_ids(rows: Rows, ids: Any) -> tuple[Rows, Any]:
    """Makes an id its rank among all ids, the derived ones of sessions included, so that it sorts like its text."""
    derived = np.flatnonzero(rows.line == 0)
    texts = pa.array([f"{number:016x}" for number in rows.engagement_id[derived].tolist()], pa.large_string())
    position = rows.engagement_id.copy()
    position[derived] = np.arange(len(ids), len(ids) + len(derived))
    every = pa.concat_arrays([ids, texts])
    order = pc.sort_indices(every).to_numpy()
    rank = np.empty(len(every), dtype=np.uint64)
    rank[order] = np.arange(len(every))
    return replace(rows, engagement_id=rank[position]), every.take(pa.array(order))
