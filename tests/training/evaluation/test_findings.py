"""What an evaluation says: a reward of which the log cannot tell is named, and the others are answered."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tactful.errors import NotIdentifiable
from tactful.experiments.identify import row_for
from tactful.training.evaluation.findings import Trials, judged

N = 1000
HALF = np.full(N, 0.5)
TAKEN = (np.arange(N) % 2).astype(np.float64)


def _trials(**reward: NDArray[np.float64]) -> Trials:
    names = ("active_24h", "sessions_24h")
    return Trials(
        user=np.arange(N),
        logged=HALF,
        present=HALF,
        target=TAKEN,
        reward={name: reward.get(name, np.zeros(N)) for name in names},
        known=dict.fromkeys(names, np.ones(N, dtype=np.bool_)),
    )


def test_a_reward_that_never_came_has_no_answer_and_the_other_has() -> None:
    found = judged(_trials(active_24h=(np.arange(N) % 5 == 0).astype(np.float64)), row_for("send"), "now", "then")
    assert [one.reward for one in found.findings] == ["active_24h"]
    assert found.findings[0].target.value == pytest.approx(0.2)
    assert "sessions_24h: got none under the present or the target policy in 500 effective rows" in found.unsaid[0]


def test_a_share_that_one_policy_never_had_is_answered_with_a_width() -> None:
    found = judged(_trials(active_24h=(np.arange(N) % 50 == 0).astype(np.float64)), row_for("send"), "now", "then")
    target = found.findings[0].target
    assert (target.value, target.low) == (0.0, 0.0)
    assert 0.005 < target.high < 0.01
    assert found.findings[0].difference.low < -0.02 < found.findings[0].difference.high < 0.0


def test_a_count_that_one_policy_never_had_is_refused() -> None:
    sessions = np.where(np.arange(N) % 50 == 0, 3.0, 0.0)
    found = judged(
        _trials(sessions_24h=sessions, active_24h=(sessions > 0.0).astype(np.float64)), row_for("send"), "now", "then"
    )
    assert "sessions_24h: got none under the target policy" in found.unsaid[0]


def test_a_log_that_tells_of_no_reward_is_refused() -> None:
    with pytest.raises(NotIdentifiable, match="active_24h: got none"):
        judged(_trials(), row_for("send"), "now", "then")
