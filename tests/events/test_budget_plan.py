"""Budget plans: cut and read again, and refused as a whole when a part is corrupt."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from tactful.errors import InvalidRecord
from tactful.events.budget_plan import assigned, budget_plan, check
from tactful.events.records import BudgetPlan, decode, encode

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = np.array([2**64 - 1, 0, 7, 8], dtype=np.uint64)
BUDGETS = np.array([0, 3, 255, 1], dtype=np.uint8)


def part(**changes: object) -> BudgetPlan:
    (made,) = budget_plan("p", 1, KEYS, BUDGETS, NOW, "m1", 0.01)
    return msgspec.structs.replace(made, **changes)


def test_the_parts_of_a_plan_hold_every_user_with_her_budget() -> None:
    parts = [decode(encode(p)) for p in budget_plan("p", 1, KEYS, BUDGETS, NOW, "m1", 0.01, most_users=3)]
    assert all(isinstance(p, BudgetPlan) for p in parts)
    columns = [assigned(p) for p in parts if isinstance(p, BudgetPlan)]
    assert np.concatenate([users for users, _ in columns]).tolist() == KEYS.tolist()
    assert np.concatenate([budgets for _, budgets in columns]).tolist() == BUDGETS.tolist()


def test_a_plan_for_nobody_is_one_empty_part() -> None:
    (empty,) = budget_plan("p", 1, KEYS[:0], BUDGETS[:0], NOW)
    assert (empty.parts, empty.users) == (1, b"")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"users": b"1234567"}, "7 bytes of users and 4 of budgets"),
        ({"budgets": b"123"}, "32 bytes of users and 3 of budgets"),
        ({"part": 1}, "expected 0 .. 0"),
        ({"price": float("nan")}, "price nan"),
        ({"users": KEYS[[0, 1, 1, 2]].tobytes()}, "1 users twice"),
        ({"users": np.arange(100_001, dtype=np.uint64).tobytes(), "budgets": bytes(100_001)}, "at most 100000"),
    ],
)
def test_a_corrupt_part_is_refused_as_a_whole(broken: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRecord, match=f"budget plan p, part .*{message}"):
        check(part(**broken))


def test_a_user_twice_in_a_plan_is_refused_even_in_different_parts() -> None:
    with pytest.raises(InvalidRecord, match="twice"):
        budget_plan("p", 1, KEYS[[0, 1, 2, 0]], BUDGETS, NOW, most_users=2)
