"""Assigned budgets: the last writer stands, in whatever order they are folded in."""

from itertools import permutations

import numpy as np

from tactful.features.assignment import BudgetRows, assign
from tactful.features.history import UserTable


def table() -> UserTable:
    made = UserTable()
    made.ensure(np.array([7, 9], dtype=np.uint64), np.array([0, 0]))
    return made


def given(*budgets: tuple[int, int, int, int]) -> BudgetRows:
    """Row, log time, k and content of each."""
    row, log_us, k, content = np.array(budgets, dtype=np.int64).reshape(-1, 4).T
    return BudgetRows(row, log_us, k, content.astype(np.uint64))


def test_the_latest_stands_and_at_one_instant_the_larger_content_in_any_order() -> None:
    four = [(0, 5, 1, 9), (0, 8, 2, 3), (0, 8, 3, 4), (1, 2, 4, 1)]
    for order in permutations(four):
        for cut in range(5):
            made = table()
            assign(made.rows, given(*order[:cut]))
            assign(made.rows, given(*order[cut:]))
            assert made.rows["k"].tolist() == [3, 4]
            assert made.rows["k_log"].tolist() == [8, 2]


def test_nobody_is_assigned_anything_by_no_budgets() -> None:
    made = table()
    before = made.rows.tobytes()
    assign(made.rows, BudgetRows.none())
    assert made.rows.tobytes() == before


def test_rows_are_found_for_known_users_only() -> None:
    assert table().rows_of(np.array([9, 8, 7], dtype=np.uint64)).tolist() == [1, -1, 0]
