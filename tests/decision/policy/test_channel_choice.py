"""The best option of a job: three modes, and a total order on ties."""

import numpy as np
import pytest

from tactful.decision.policy.channel import Choice, choose
from tactful.errors import InvalidScores

UTILITY = np.array([[[0.30, 0.20, 0.10], [0.25, 0.40, 0.10]]])
THRESHOLD = np.array([[0.20, 0.35, 0.00]])
EVERYTHING = np.ones((1, 2, 3), dtype=bool)
ORDER = np.array([[7, 5]], dtype=np.uint64)
RANK = np.broadcast_to(np.array([0, 1, 2]), (1, 2, 3))


def picked(choice: Choice) -> tuple[int, int]:
    return int(choice.candidate[0]), int(choice.channel[0])


def test_best_takes_the_largest_surplus_and_breaks_a_tie_by_order_key() -> None:
    utility = np.array([[[0.50, 0.25, 0.0], [0.25, 0.50, 0.0]]])
    assert picked(choose(utility, np.array([[0.25, 0.25, 0.0]]), EVERYTHING, ORDER, RANK)) == (1, 1)
    assert picked(choose(utility, np.array([[0.00, 0.25, 0.0]]), EVERYTHING, ORDER, RANK)) == (0, 0)


def test_equal_surplus_and_equal_candidate_go_to_the_preferred_channel() -> None:
    utility = np.full((1, 2, 3), 0.5)
    choice = choose(utility, np.zeros((1, 3)), EVERYTHING, ORDER, RANK[:, :, ::-1])
    assert picked(choice) == (1, 2)


def test_separate_takes_the_first_preferred_channel_that_would_send() -> None:
    assert picked(choose(UTILITY, THRESHOLD, EVERYTHING, ORDER, RANK, "separate")) == (0, 0)
    dear_first = np.array([[0.90, 0.35, 0.00]])
    assert picked(choose(UTILITY, dear_first, EVERYTHING, ORDER, RANK, "separate")) == (1, 1)


def test_separate_is_best_where_no_channel_would_send() -> None:
    dear = np.array([[0.90, 0.90, 0.90]])
    separate = choose(UTILITY, dear, EVERYTHING, ORDER, RANK, "separate")
    assert picked(separate) == picked(choose(UTILITY, dear, EVERYTHING, ORDER, RANK)) == (1, 1)
    assert not separate.sends[0]


def test_ladder_starts_at_the_preferred_channel_whatever_the_others_promise() -> None:
    assert picked(choose(UTILITY, THRESHOLD, EVERYTHING, ORDER, RANK, "ladder")) == (0, 0)


def test_ladder_climbs_past_a_tried_channel_and_never_back() -> None:
    tried = np.zeros((1, 2, 3), dtype=bool)
    tried[0, 0, 1] = True
    only_first = np.zeros((1, 2, 3), dtype=bool)
    only_first[0, 0, :] = True
    assert picked(choose(UTILITY, THRESHOLD, only_first, ORDER, RANK, "ladder", tried)) == (0, 2)


def test_ladder_at_its_top_has_nothing_left() -> None:
    tried = np.ones((1, 2, 3), dtype=bool)
    assert picked(choose(UTILITY, THRESHOLD, EVERYTHING, ORDER, RANK, "ladder", tried)) == (-1, -1)


def test_of_many_ties_the_first_in_the_total_order_is_chosen_whatever_its_place() -> None:
    rng = np.random.default_rng(6)
    n, c, h = 400, 5, 3
    utility, threshold = rng.integers(3, size=(n, c, h)) / 4.0, rng.integers(2, size=(n, h)) / 4.0
    feasible = rng.random((n, c, h)) < 0.6
    order = rng.permuted(np.tile(np.arange(c, dtype=np.uint64), (n, 1)), axis=1)
    rank = rng.permuted(np.tile(np.arange(h), (n, c, 1)), axis=2)
    choice = choose(utility, threshold, feasible, order, rank)
    for r in range(n):
        options = [(int(i), int(k)) for i, k in np.argwhere(feasible[r])]
        by_hand = sorted((threshold[r, k] - utility[r, i, k], order[r, i], rank[r, i, k], i, k) for i, k in options)
        assert (choice.candidate[r], choice.channel[r]) == by_hand[0][3:]
        assert choice.surplus[r] == -by_hand[0][0]


def test_utility_equal_to_its_threshold_is_not_sent() -> None:
    choice = choose(np.full((1, 1, 1), 0.2), np.full((1, 1), 0.2), EVERYTHING[:, :1, :1], ORDER[:, :1], RANK[:, :1, :1])
    assert not choice.sends[0]
    assert picked(choice) == (0, 0)


def test_nothing_feasible_gives_no_option() -> None:
    choice = choose(UTILITY, THRESHOLD, ~EVERYTHING, ORDER, RANK)
    assert picked(choice) == (-1, -1)
    assert choice.surplus[0] == -np.inf


def test_no_user_due_gives_empty_arrays() -> None:
    choice = choose(UTILITY[:0], THRESHOLD[:0], EVERYTHING[:0], ORDER[:0], RANK[:0])
    assert len(choice.candidate) == len(choice.sends) == 0


def test_nan_of_a_feasible_option_is_refused_and_of_padding_is_not_read() -> None:
    utility = UTILITY.copy()
    utility[0, 0, 1] = np.nan
    feasible = EVERYTHING.copy()
    feasible[0, 0, 1] = False
    assert picked(choose(utility, THRESHOLD, feasible, ORDER, RANK)) == (1, 2)
    with pytest.raises(InvalidScores, match=r"row 0, candidate 0, channel 1"):
        choose(utility, THRESHOLD, EVERYTHING, ORDER, RANK)


def test_a_threshold_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidScores, match="threshold"):
        choose(UTILITY, np.array([[0.1, np.nan, 0.1]]), EVERYTHING, ORDER, RANK)
