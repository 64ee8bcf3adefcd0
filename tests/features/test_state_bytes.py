"""Packed rows: nothing is lost, a user with everything takes under 4 KB, and damage is an error."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.errors import StoreError
from tactful.features.history import ENGAGEMENTS, POOL, ROW, SENDS, UserTable, layout
from tactful.features.state_bytes import packed, unpacked

ODD = np.dtype([("a", "u1"), ("e_at", "i8", (3,)), ("e_log", "i8", (3,)), ("b", "f4", (5,)), ("c", "u2")])
"""53 bytes, which are no whole groups of eight."""
NOW_US = 1_767_225_600_000_000


def of_bytes(data: bytes, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """As many rows as fit, of any bits."""
    n = len(data) // kind.itemsize
    return np.frombuffer(data[: n * kind.itemsize], dtype=kind).copy()


def full(n: int) -> UserTable:
    """Users with every engagement, send and candidate that there is room for, at instants of the last weeks."""
    rng, table = np.random.default_rng(4), UserTable()
    table.ensure(rng.integers(1, 2**63, size=n, dtype=np.uint64), np.full(n, NOW_US - 300 * DAY_US))
    rows = table.rows
    for name in ROW.names or ():
        if name[:2] in ("e_", "s_", "c_") and name[2:] in ("key", "hash", "group", "cancel"):
            rows[name] = rng.integers(1, 2**63, size=rows[name].shape, dtype=np.uint64)
        elif name[:2] in ("e_", "s_", "c_") and name[2:] in ("at", "log", "created", "expires", "wake", "sent"):
            rows[name] = np.sort(NOW_US - rng.integers(14 * DAY_US, size=rows[name].shape), axis=1)
    rows["e_log"] = rows["e_at"] + rng.integers(5_000_000, size=rows["e_at"].shape)
    rows["e_len"], rows["s_len"], rows["c_len"] = ENGAGEMENTS, SENDS, POOL
    rows["e_category"], rows["s_category"] = rng.integers(9999, size=(n, ENGAGEMENTS)), rng.integers(9999, size=(n, 32))
    rows["c_offset"], rows["c_type"] = rng.integers(2**31, size=(n, POOL)), rng.integers(8, size=(n, POOL))
    rows["c_quality"], rows["slot_p"] = rng.random((n, POOL)), rng.random((n, 24))
    rows["slot_counts"], rows["active_days"] = rng.integers(9999, size=(n, 48)), rng.integers(9, size=(n, 64))
    rows["marks"] = rng.integers(256, size=rows["marks"].shape) * (rng.random(rows["marks"].shape) < 0.1)
    return table


@settings(deadline=None)
@given(st.binary(max_size=53 * 4))
def test_any_bits_come_back(data: bytes) -> None:
    rows = of_bytes(data, ODD)
    assert unpacked(list(packed(rows)), ODD).tobytes() == rows.tobytes()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_rows_come_back_however_full_they_are(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 600))
    data = rng.integers(256, size=n * ROW.itemsize, dtype=np.uint8) * (rng.random(n * ROW.itemsize) < share)
    rows = of_bytes(data.tobytes(), ROW)
    blobs = list(packed(rows))
    assert len(blobs) == n
    assert unpacked(blobs, ROW).tobytes() == rows.tobytes()


def test_a_user_with_everything_takes_under_4_kb_and_a_new_one_under_200_bytes() -> None:
    sizes = [len(blob) for blob in packed(full(50).rows)]
    assert max(sizes) < 4096
    table = UserTable()
    table.ensure(np.array([7], dtype=np.uint64), np.array([NOW_US]))
    assert len(next(packed(table.rows))) < 200


def test_only_the_chosen_rows_are_packed_in_their_order() -> None:
    rows = full(5).rows
    assert list(packed(rows, [3, 1])) == [list(packed(rows))[i] for i in (3, 1)]
    assert list(packed(rows, [])) == []


def test_packed_rows_of_an_older_layout_are_loaded() -> None:
    fields = [field for field in layout() if field[0] != "explores"]
    older = np.zeros(300, dtype=[(name, kind, tuple(shape)) for name, kind, shape in fields])
    older["user_key"] = np.arange(1, 301)
    older["e_at"][:, :2] = NOW_US
    table = UserTable()
    table.load(packed(older), fields, packed=True)
    assert table.rows["user_key"].tolist() == list(range(1, 301))
    assert (table.rows["e_at"] == older["e_at"]).all()
    assert table.find(300) == 299


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_damaged_bytes_are_an_error_or_a_row(data: bytes) -> None:
    with suppress(StoreError):
        assert len(unpacked([data], ODD)) == 1


def test_a_state_that_was_cut_short_or_is_too_long_is_refused() -> None:
    (blob,) = packed(full(1).rows)
    for wrong in (
        blob[:-1] if blob[-1] else blob + b"\x00",
        blob + b"\x00\xff\x00\xff\x00\xff\x01\x01",
        blob + b"\x00",
    ):
        with pytest.raises(StoreError, match="damaged state of a user"):
            unpacked([blob, wrong], ROW)
