"""A user's row as few bytes: what rests of her in a store, without losing a bit.

A row has room for 48 engagements, 16 candidates and so on, and most of that is zeros or repeats its neighbour. So each
element of a field that is an array is written as what differs from the element before it (exclusive or: the leading
bytes of instants, and repeated fillers, become zero); the instant at which an engagement was accepted as what differs
from the instant at which it happened. Then groups of eight bytes that are all zero are counted, and the others are
written as a mask and the bytes that are not zero. Hashes stay as long as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Int64, UInt8
from numpy.typing import NDArray

from tactful.errors import StoreError
from tactful.kernel import kernel

_AT_ONCE: Final = 256
"""Rows in a buffer: two megabytes, which stay in the second cache and leave no hole in memory."""
_RUN: Final = 255
"""The most empty groups that one count stands for."""
_LIKE: Final = {"e_log": "e_at", "c_created": "c_log"}
"""Fields that are much like another one of the same shape that comes before them."""


def packed(rows: NDArray[Any], chosen: Sequence[int] | None = None) -> Iterator[bytes]:
    """Yields the bytes of each row, in their order.

    Args:
        rows: structured, contiguous: `history.ROW`, or an older layout of it.
        chosen: positions of the rows that are wanted; all by default.
    """
    strides, width = _strides(rows.dtype), rows.dtype.itemsize
    groups = -(-width // 8)
    left, out = np.zeros(8 * groups, dtype=np.uint8), np.empty(_AT_ONCE * 10 * groups, dtype=np.uint8)
    ends = np.empty(_AT_ONCE, dtype=np.int64)
    for start in range(0, len(rows) if chosen is None else len(chosen), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        part = rows[here] if chosen is None else rows[list(chosen[here])]
        _pack(part.view(np.uint8).reshape(len(part), width), strides, left, out, ends)
        data, begin = out[: ends[len(part) - 1]].tobytes(), 0
        for end in ends[: len(part)].tolist():
            yield data[begin:end]
            begin = end


def unpacked(blobs: Sequence[bytes], kind: np.dtype[Any]) -> NDArray[Any]:
    """Returns the rows that were packed.

    Args:
        blobs: of `packed`, one a row.
        kind: of the rows when they were packed.

    Raises:
        StoreError: bytes that `packed` cannot have written for rows of this kind.
    """
    width = kind.itemsize
    data = np.frombuffer(b"".join(blobs), dtype=np.uint8)
    ends = np.cumsum([len(blob) for blob in blobs], dtype=np.int64)
    plain = np.zeros((len(blobs), -(-width // 8) * 8), dtype=np.uint8)
    wrong = _unpack(data, ends, _strides(kind), width, plain)
    if wrong >= 0:
        raise StoreError(
            f"got a damaged state of a user ({len(blobs[wrong]):,} bytes), expected packed rows of {width:,} bytes; "
            "restore the store from a backup"
        )
    return np.ascontiguousarray(plain[:, :width]).view(kind).reshape(len(blobs))


def _strides(kind: np.dtype[Any]) -> NDArray[np.int64]:
    """(begin, end, how far back) of the bytes that are written as what differs from earlier ones, ascending."""
    found: list[tuple[int, int, int]] = []
    places: Mapping[str, Any] = kind.fields or {}
    for name in kind.names or ():
        field, at = places[name][:2]
        like = places.get(_LIKE.get(name, ""))
        if like is not None and like[0] == field and like[1] < at:
            found.append((at, at + field.itemsize, at - like[1]))
        elif field.itemsize > field.base.itemsize:
            found.append((at + field.base.itemsize, at + field.itemsize, field.base.itemsize))
    return np.array(found, dtype=np.int64).reshape(-1, 3)


@kernel
def _pack(
    rows: UInt8[np.ndarray, "n width"],
    strides: Int64[np.ndarray, "s 3"],
    left: UInt8[np.ndarray, " padded"],
    out: UInt8[np.ndarray, " room"],
    ends: Int64[np.ndarray, " some"],
) -> None:
    """Writes the rows one behind the other into `out`, and where each ends; `left` is zero behind a row's width."""
    groups = left.view(np.uint64)
    at = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        left[: len(row)] = row
        for s in range(strides.shape[0]):
            back = strides[s, 2]
            begin, end = strides[s, 0], strides[s, 1]
            differs, like = row[begin:end], row[begin - back : end - back]
            into = left[begin:end]
            for b in range(len(into)):
                into[b] = differs[b] ^ like[b]
        empty = 0
        for g in range(len(groups)):
            if groups[g] == 0:
                empty += 1
                continue
            while empty > 0:
                out[at], out[at + 1] = 0, min(empty, _RUN)
                at, empty = at + 2, empty - min(empty, _RUN)
            mask, place, word = 0, at + 1, groups[g]
            for j in range(8):  # without a branch: each byte is written, and the next one over it if it was zero
                value = (word >> np.uint64(8 * j)) & np.uint64(255)
                out[place] = value
                some = 1 if value != 0 else 0
                mask |= some << j
                place += some
            out[at], at = mask, place
        ends[i] = at


@kernel
def _unpack(
    data: UInt8[np.ndarray, " bytes"],
    ends: Int64[np.ndarray, " n"],
    strides: Int64[np.ndarray, "s 3"],
    width: int,
    rows: UInt8[np.ndarray, "n padded"],
) -> int:
    """Fills rows of zeros; returns the first that is no row, -1 if all are."""
    at = 0
    for i in range(len(ends)):
        row, g, end = rows[i], 0, ends[i]
        while at < end:
            mask, at = data[at], at + 1
            if mask == 0:
                if at >= end:
                    return i
                g, at = g + data[at], at + 1
                continue
            if 8 * g >= len(row):
                return i
            for j in range(8):
                if mask & (1 << j):
                    if at >= end or 8 * g + j >= width:
                        return i
                    row[8 * g + j] = data[at]
                    at += 1
            g += 1
        for s in range(strides.shape[0]):
            begin, end, back = strides[s, 0], strides[s, 1], strides[s, 2]
            into, like = row[begin:end], row[begin - back : end - back]
            for b in range(len(into)):  # in this order: what it differs from may have been restored a moment ago
                into[b] ^= like[b]
    return -1
