"""Promises of the assignment of messages to slots."""

from itertools import product

import numpy as np
import pytest

from tactful.clock import DAY_US, HOUR_US
from tactful.simulator.arms.assignment import Options, assign

CAP, GAP_US = 2, 8 * HOUR_US


def some_options(seed: int, people: int, messages: int = 3, days: int = 2) -> Options:
    """Every message in three slots of each day, of random worth."""
    rng = np.random.default_rng(seed)
    person, message, day, slot = (
        part.reshape(-1)
        for part in np.meshgrid(range(people), range(messages), range(days), (8, 13, 20), indexing="ij")
    )
    at = day * DAY_US + slot * HOUR_US
    return Options(person.astype(np.int64), message.astype(np.int64), at.astype(np.int64), rng.random(len(person)))


def allowed(options: Options, taken: np.ndarray, totals: np.ndarray) -> bool:
    """Whether the rules hold, one by one."""
    if (np.bincount(options.at_us[taken] // DAY_US, minlength=len(totals)) > totals).any():
        return False
    for one in np.unique(options.person[taken]):
        mine = taken & (options.person == one)
        at = np.sort(options.at_us[mine])
        if len(np.unique(options.message[mine])) < mine.sum() or (np.diff(at) < GAP_US).any():
            return False
        if (np.bincount(at // DAY_US) > CAP).any():
            return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_keeps_caps_gaps_and_totals_and_sends_no_message_twice(seed: int) -> None:
    options, totals = some_options(seed, people=40), np.array([30.0, 25.0])
    taken = assign(options, 0, totals, CAP, GAP_US)
    assert allowed(options, taken, totals)
    assert taken.sum() == 55  # everything is worth something, and there is more to say


def test_a_plan_is_the_best_there_is() -> None:
    options, totals = some_options(5, people=2, messages=1), np.array([1.0, 1.0])
    taken = assign(options, 0, totals, CAP, GAP_US)
    tried = (np.array(choice, dtype=np.bool_) for choice in product((False, True), repeat=len(options.person)))
    best = max(float(options.worth[t].sum()) for t in tried if t.sum() <= 2 and allowed(options, t, totals))
    assert options.worth[taken].sum() == pytest.approx(best)


def test_what_is_worth_less_than_nothing_is_not_sent() -> None:
    options = some_options(6, people=3)
    worse = Options(options.person, options.message, options.at_us, -options.worth)
    assert not assign(worse, 0, np.array([9.0, 9.0]), CAP, GAP_US).any()


def test_blocks_share_the_total_and_lose_little() -> None:
    options, totals = some_options(7, people=60), np.array([30.0, 30.0])
    whole, parts = (assign(options, 0, totals, CAP, GAP_US, block) for block in (60, 20))
    assert allowed(options, parts, totals)
    assert options.worth[parts].sum() > 0.98 * options.worth[whole].sum()


def test_nothing_to_plan_is_no_plan() -> None:
    nothing = Options(*(np.zeros(0, dtype=np.int64),) * 3, np.zeros(0))
    assert len(assign(nothing, 0, np.array([5.0]), CAP, GAP_US)) == 0
