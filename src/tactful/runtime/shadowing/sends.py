"""What another sender sent, as records in the order of time: read from its log, row by row checked."""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int64

from tactful.clock import from_us
from tactful.errors import UnreadableInput
from tactful.events.records import CHANNELS
from tactful.runtime.importing.chunk import Chunk
from tactful.runtime.importing.fields import Refusals, parse
from tactful.runtime.importing.files import log_files, read_chunks
from tactful.runtime.importing.mapping import Choice
from tactful.runtime.importing.rejects import Reject, Rejects
from tactful.runtime.importing.times import instants
from tactful.runtime.shadowing.mapping import SendsMapping
from tactful.runtime.shadowing.sent import Sent, derived_id, kept
from tactful.stores.protocols import ShadowSends

_NO: Final = ("", "0", "0.0", "false", "False", "no")


class SendsReport(msgspec.Struct, frozen=True):
    """What was read. Every row was taken, repeats another, is left out by the mapping, or refused (`reasons`)."""

    rows: int
    taken: int
    duplicates: int
    ignored: int
    rejected: int
    first_at: datetime
    last_at: datetime
    reasons: dict[str, int]


class Sends(msgspec.Struct, frozen=True):
    """The messages of another sender by time, and what was read."""

    messages: tuple[Sent, ...]
    report: SendsReport


def read_sends(path: Path, mapping: SendsMapping, types: Collection[str], rejects: Path | None = None) -> Sends:
    """Returns the messages in a log: a file, or all files of a folder.

    Args:
        path: CSV or TSV with a header, NDJSON or Parquet.
        types: the event types that there are.
        rejects: where refused rows are written (NDJSON; replaced); None only counts them.

    Raises:
        UnreadableInput: there is no such file, it lacks a column, or not one of its rows can be taken.
    """
    found: set[Sent] = set()
    rows = ignored = taken = 0
    with Rejects(rejects) as refused:
        for file in log_files(path):
            for chunk in read_chunks(file, mapping.columns):
                refusals = Refusals(len(chunk.lines))
                told, left_out = _messages(chunk, mapping, types, refusals)
                faults = [(int(chunk.lines[row]), why) for row, why in refusals.listed(left_out)]
                for line, why in sorted(chunk.refused + faults):
                    refused.add(Reject(str(file), line, why, chunk.raw(line)))
                rows, ignored = rows + len(chunk.lines) + len(chunk.refused), ignored + int(left_out.sum())
                taken += len(told)
                found.update(told)
        return sends_of(found, rows, taken, ignored, refused.reasons, str(path))


def kept_sends(store: ShadowSends) -> Sends:
    """Returns the messages of which the other sender told a service over this store.

    Raises:
        UnreadableInput: it told of none.
    """
    found = list(kept(store))
    return sends_of(found, len(found), len(found), 0, Counter(), "the store (POST /v1/shadow/sends)")


def sends_of(found: Collection[Sent], rows: int, taken: int, ignored: int, reasons: Counter[str], where: str) -> Sends:
    """Returns messages in the order of time, with what was read.

    Raises:
        UnreadableInput: there is none.
    """
    if not found:
        why = "; ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common(3))
        raise UnreadableInput(f"{where}: none of {rows:,} rows can be taken ({why or 'there is no message'})")
    messages = sorted(found, key=lambda one: (one.at_us, one.user_id, one.candidate_id, one.channel))
    first, last = from_us(messages[0].at_us), from_us(messages[-1].at_us)
    duplicates = taken - len(messages)
    report = SendsReport(rows, len(messages), duplicates, ignored, reasons.total(), first, last, dict(reasons))
    return Sends(tuple(messages), report)


def _messages(
    chunk: Chunk, mapping: SendsMapping, types: Collection[str], refusals: Refusals
) -> tuple[list[Sent], Any]:
    """The good rows of a chunk, and which rows the mapping leaves out."""
    columns = chunk.columns
    fields = parse(columns, mapping.as_receipts, refusals)
    refusals.add(fields.channel < 0, "channel: missing")
    words, left_out = _types(columns, mapping.type, len(chunk.lines))
    refusals.add(np.array([word not in types for word in words]), "type: a word that is no event type of yours")
    known_us = _known(columns, mapping, fields.at_us, refusals)
    left_out = left_out | fields.ignored
    clicked, unsubscribed = _deeds(columns, mapping.clicked), _deeds(columns, mapping.unsubscribed)
    users, candidates = fields.user.to_pylist(), fields.item.to_pylist()
    told = []
    for row in np.flatnonzero(refusals.fine() & ~left_out).tolist():
        user, at_us, channel = users[row], int(fields.at_us[row]), CHANNELS[fields.channel[row]]
        told.append(
            Sent(
                at_us=at_us,
                user_id=user,
                candidate_id=candidates[row] or derived_id(user, at_us, words[row], channel),
                type=words[row],
                channel=channel,
                known_us=int(known_us[row]),
                clicked=clicked[row] if clicked else None,
                unsubscribed=unsubscribed[row] if unsubscribed else None,
            )
        )
    return told, left_out


def _types(columns: dict[str, Any], choice: Choice[str], rows: int) -> tuple[list[str], Any]:
    """The event type of each row, and the rows that the mapping leaves out."""
    if choice.column is None:
        return [str(choice.constant)] * rows, np.zeros(rows, dtype=np.bool_)
    words = list(_texts(columns[choice.column]))
    ignored = np.array([word in choice.ignore for word in words], dtype=np.bool_)
    return [choice.values.get(word, word) for word in words], ignored


def _known(
    columns: dict[str, Any], mapping: SendsMapping, at_us: Int64[np.ndarray, " n"], refusals: Refusals
) -> Int64[np.ndarray, " n"]:
    """Since when each row could be told; never later than it was."""
    known = mapping.known
    if known.column is None:
        return at_us - int(known.lead.total_seconds() * 1e6)
    told_us, faults = instants(columns[known.column], msgspec.structs.replace(mapping.time, column=known.column))
    for where, why in faults:
        refusals.add(where, why.replace("time:", "known:", 1))
    earlier: Int64[np.ndarray, " n"] = np.minimum(told_us, at_us)
    return earlier


def _deeds(columns: dict[str, Any], column: str | None) -> list[bool]:
    return [text.strip() not in _NO for text in _texts(columns[column])] if column else []


def _texts(array: Any) -> Iterator[str]:
    yield from pc.fill_null(array.cast(pa.string()), "").to_pylist()
