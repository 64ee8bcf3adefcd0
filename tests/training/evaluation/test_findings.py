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
    assert "sessions_24h: got none under the present policy in 1,000 effective rows" in found.unsaid[0]


def test_a_log_that_tells_of_no_reward_is_refused() -> None:
    with pytest.raises(NotIdentifiable, match="active_24h: got none"):
        judged(_trials(), row_for("send"), "now", "then")
