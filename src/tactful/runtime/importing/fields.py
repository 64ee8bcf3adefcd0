"""Turns the columns of a chunk into typed arrays, as the mapping says; rows that do not fit get a reason.

Times are in `times`. All of it is array work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int8, Int64

from tactful.errors import UnreadableInput
from tactful.events.records import CHANNELS, KINDS
from tactful.runtime.importing.mapping import Category, Choice, Mapping
from tactful.runtime.importing.times import instants

UNKNOWN = -1
"""The code of a missing category or channel."""

_MAX_ID_CHARS = 255
_MAX_CATEGORY = 2**31 - 1
_NUMBER = r"^-?\d+(\.\d+)?([eE][-+]?\d+)?$"
_NOT_FINITE = r"(?i)^[-+]?(nan|inf|infinity)$"


class Refusals:
    """Which rows of a chunk are refused, and why; the first reason of a row stands."""

    def __init__(self, rows: int) -> None:
        self._texts: list[str] = []
        self._why = np.full(rows, -1, dtype=np.int16)

    def add(self, where: Bool[np.ndarray, " n"], reason: str) -> None:
        """Refuses rows."""
        if where.any():
            self._why[where & (self._why < 0)] = len(self._texts)
            self._texts.append(reason)

    def listed(self, ignored: Bool[np.ndarray, " n"]) -> list[tuple[int, str]]:
        """Returns (row, reason) of the refused rows that are not ignored, in order."""
        rows = np.flatnonzero((self._why >= 0) & ~ignored)
        return [(int(row), self._texts[self._why[row]]) for row in rows]

    def fine(self) -> Bool[np.ndarray, " n"]:
        """Returns the rows that nothing was found against."""
        return self._why < 0


@dataclass(frozen=True, eq=False, slots=True)
class Fields:
    """The typed columns of a chunk: texts as Arrow strings without nulls, kinds and channels as codes.

    `at_us` is microseconds since 1970 UTC; `category` and `channel` are -1 where unknown; `engagement_id` is None
    if ids are derived; `ignored` are rows that the mapping leaves out. What else stands in a refused or ignored
    row means nothing.
    """

    user: Any
    at_us: Int64[np.ndarray, " n"]
    kind: Int8[np.ndarray, " n"]
    item: Any
    category: Int64[np.ndarray, " n"]
    value: Float64[np.ndarray, " n"]
    channel: Int8[np.ndarray, " n"]
    engagement_id: Any
    ignored: Bool[np.ndarray, " n"]


def parse(columns: dict[str, Any], mapping: Mapping, refusals: Refusals) -> Fields:
    """Returns the typed columns; what is wrong with a row is added to the refusals.

    Raises:
        UnreadableInput: for a column that holds lists, structs or binary data.
    """
    columns = {name: _plain(name, array) for name, array in columns.items()}
    rows = len(columns[mapping.user])
    nothing = pa.nulls(rows, pa.string())
    category = Category(mapping.category) if isinstance(mapping.category, str) else mapping.category
    at_us, faults = instants(columns[mapping.time.column], mapping.time)
    for where, reason in faults:
        refusals.add(where, reason)
    kind, kind_ignored = _codes(columns, mapping.kind, KINDS, "kind", rows, refusals)
    refusals.add((kind == UNKNOWN) & ~kind_ignored, "kind: missing")
    channel, channel_ignored = _codes(columns, mapping.channel, CHANNELS, "channel", rows, refusals)
    return Fields(
        user=_identifiers(columns[mapping.user], "user", refusals),
        at_us=at_us,
        kind=kind,
        item=_texts(columns[mapping.item] if mapping.item else nothing),
        category=_categories(columns[category.column] if category else nothing, category, refusals),
        value=_numbers(columns[mapping.value] if mapping.value else nothing, "value", 0.0, refusals),
        channel=channel,
        engagement_id=_identifiers(columns[mapping.id], "id", refusals) if mapping.id else None,
        ignored=kind_ignored | channel_ignored,
    )


def _plain(name: str, array: Any) -> Any:
    """A column without dictionary coding, texts as strings; what is neither text, number nor time is an error."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _plain(name, array.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return array.cast(pa.float64())
    if pa.types.is_date(kind):
        return array.cast(pa.timestamp("us"))
    known = (pa.types.is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp, pa.types.is_boolean)
    if not any(test(kind) for test in known):
        raise UnreadableInput(f"column {name!r} holds {kind}; expected texts, numbers or times")
    return array


def _texts(array: Any) -> Any:
    return pc.fill_null(array.cast(pa.string()), "")


def _identifiers(array: Any, field: str, refusals: Refusals) -> Any:
    texts = _texts(array)
    length = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    refusals.add(length == 0, f"{field}: missing")
    refusals.add(length > _MAX_ID_CHARS, f"{field}: longer than {_MAX_ID_CHARS} characters")
    return texts


def _codes(
    columns: dict[str, Any],
    choice: Choice[Any] | None,
    names: Sequence[str],
    field: str,
    rows: int,
    refusals: Refusals,
) -> tuple[Int8[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Positions in `names`, -1 where the column is empty, and the rows that the mapping ignores."""
    if choice is None or choice.column is None:
        code = names.index(choice.constant) if choice and choice.constant else UNKNOWN
        return np.full(rows, code, dtype=np.int8), np.zeros(rows, dtype=np.bool_)
    coded = _texts(columns[choice.column]).dictionary_encode()
    words = coded.dictionary.to_pylist()
    meant = [choice.values.get(word, word) for word in words]
    position = coded.indices.to_numpy(zero_copy_only=False)
    unknown = [name not in names and word not in ("", *choice.ignore) for word, name in zip(words, meant, strict=True)]
    refusals.add(_taken(unknown, position), f"{field}: a word that the mapping does not translate")
    codes = [names.index(name) if name in names else UNKNOWN for name in meant]
    ignored = _taken([word in choice.ignore for word in words], position)
    return np.array(codes, dtype=np.int8)[position], ignored


def _taken(by_word: list[bool], position: Any) -> Bool[np.ndarray, " n"]:
    taken: Bool[np.ndarray, " n"] = np.array(by_word, dtype=np.bool_)[position]
    return taken


def _numbers(array: Any, field: str, missing: float, refusals: Refusals) -> Float64[np.ndarray, " n"]:
    """Finite numbers; NaN is not "missing" but a fault of whoever wrote the log."""
    if pa.types.is_string(array.type):
        texts = pc.utf8_trim_whitespace(_texts(array))
        fits = pc.match_substring_regex(texts, _NUMBER)
        absurd = pc.match_substring_regex(texts, _NOT_FINITE).to_numpy(zero_copy_only=False)
        refusals.add(absurd, f"{field}: not finite")
        refused = pc.invert(pc.or_(fits, pc.equal(texts, ""))).to_numpy(zero_copy_only=False)
        refusals.add(refused, f"{field}: not a number")
        array = pc.if_else(fits, texts, pa.scalar(None, pa.string())).cast(pa.float64())
    elif pa.types.is_timestamp(array.type):
        refusals.add(np.ones(len(array), dtype=np.bool_), f"{field}: not a number")
        array = pa.nulls(len(array), pa.float64())
    present = pc.fill_null(array.cast(pa.float64(), safe=False), missing)
    numbers: Float64[np.ndarray, " n"] = present.to_numpy(zero_copy_only=False)
    refusals.add(~np.isfinite(numbers), f"{field}: not finite")
    return numbers


def _categories(array: Any, rule: Category | None, refusals: Refusals) -> Int64[np.ndarray, " n"]:
    numbers = _numbers(array, "category", float(UNKNOWN), refusals)
    finite = np.where(np.isfinite(numbers), numbers, UNKNOWN)
    refusals.add(finite != np.floor(finite), "category: not a whole number")
    divided = np.floor_divide(finite, rule.divide_by if rule else 1)
    refusals.add(divided > _MAX_CATEGORY, f"category: above {_MAX_CATEGORY}")
    return np.clip(divided, UNKNOWN, _MAX_CATEGORY).astype(np.int64)
