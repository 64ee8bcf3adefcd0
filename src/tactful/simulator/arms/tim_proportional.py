"""TIM's rule for slots as a delivery's hours: sends in equal parts of the predicted clicks, each in its part's middle.

Source: "TIM: Temporal Interaction Model in Notification System" (Kuaishou, 2024): of a day of q sends, `n_i =
q p_i / ‖p‖_1` fall to slot i, and with the running sum `S_k` the m-th goes out in the first slot with
`S_k >= (m - 1/2) S_K / q`.
Deviation: the engine asks hours for weights and takes the best allowed slots, so the rule is put as weights that fall
with the distance from the median of p, the slot of the only send of a day; where that is quiet, the nearest slot that
is not. Exact for at most one send a day, which is all that budgets of seven a week allow; the paper's app sends dozens.
"""

import numpy as np

from tactful.features.slot_past import SlotPast
from tactful.models.protocol import Parameters, SlotModel, SlotScores


class MiddleOfDay:
    """Fits `models.protocol.SlotModel`: wraps one, and is worth most at the median of what that one says."""

    def __init__(self, of: SlotModel) -> None:
        """Takes the model whose weights are p."""
        self._of = of
        self.version = f"middle-{of.version}"

    def parameters(self) -> Parameters:
        """Returns the parameters of the model within; this one adds none."""
        return self._of.parameters()

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns the profile as it was, and weights `1 / (1 + |i - median|)`."""
        said = self._of.foretell(past)
        running = np.cumsum(said.weight, axis=1)
        median = (running < 0.5 * running[:, -1:]).sum(axis=1)
        away = np.abs(np.arange(running.shape[1]) - median[:, None])
        return SlotScores(said.profile, 1.0 / (1.0 + away))
