"""Shards with a keeper decide what the embedded engine decides, byte for byte, in any number and order of arrival."""

import numpy as np
import pytest

from shards import Left, embedded, everything, left_by, log_of, sharded
from stage import App
from streams import BUSY, START
from tactful.clock import DAY_US, HOUR_US, to_us

USERS, DAYS = 20, 1.6
END = to_us(START) + int(DAYS * DAY_US) + HOUR_US
STREAM = everything(1, USERS, DAYS)


@pytest.fixture(scope="module")
def app() -> App:
    return embedded(STREAM, BUSY, END)


@pytest.fixture(scope="module")
def alone(app: App) -> Left:
    return left_by(app)


def differences(ours: Left, theirs: Left) -> list[str]:
    """What is not the same, in words that fit on a screen."""
    return [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)]


def test_the_log_has_every_kind_of_input_and_the_run_every_kind_of_output(app: App, alone: Left) -> None:
    assert {one.kind for one in log_of(app.store)} >= {0, 1, 2, 3, 4, 5, 6, 8}
    assert min(map(len, vars(alone).values())) >= 4


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_shards_in_a_closed_loop_leave_what_one_engine_leaves(app: App, alone: Left, groups: int) -> None:
    assert differences(sharded(log_of(app.store), BUSY, groups, END), alone) == []


def test_arrival_in_another_order_leaves_the_same(app: App, alone: Left) -> None:
    log = log_of(app.store)
    order = np.random.default_rng(3).permutation(len(log))
    assert differences(sharded([log[i] for i in order], BUSY, 2, END), alone) == []
