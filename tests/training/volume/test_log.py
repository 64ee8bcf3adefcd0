"""What a log of assignments accepts."""

from dataclasses import replace

import numpy as np
import pytest

from tactful.errors import InvalidRecord, UnsortedRows
from volume_logs import assignments


def test_a_log_knows_its_length_and_keeps_the_chosen_rows() -> None:
    log = assignments(k=[0, 3, 5])
    kept = log.only(log.k > 0)
    assert len(log) == 3
    assert kept.k.tolist() == [3, 5]
    assert kept.user.tolist() == [1, 2]


def test_an_empty_log_is_a_log() -> None:
    assert len(assignments(k=[])) == 0


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("k", 256, "0..255"),
        ("reach", 3, "0..2"),
        ("activity", 6, "0..5"),
        ("sent", -1, "0 or more"),
        ("probability", 0.0, "probability"),
        ("features", np.nan, "assignment 0"),
        ("end_us", -1, "ends before"),
    ],
)
def test_values_out_of_range_are_refused_by_name(column: str, value: float, says: str) -> None:
    log = assignments(k=[1, 2])
    with pytest.raises(InvalidRecord, match=says):
        replace(log, **{column: np.full_like(getattr(log, column), value)})


def test_engagements_out_of_order_are_refused() -> None:
    log = assignments(k=[1, 2])
    later_first = np.array([5, 4], dtype=np.int64)
    same = np.zeros(2, dtype=np.int64)
    with pytest.raises(UnsortedRows, match="lexsort"):
        replace(log, e_user=same, e_at_us=later_first, e_kind=same)
