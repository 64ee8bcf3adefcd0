"""How many: what a weekly budget is worth, put together from three probabilities; nothing is learned here."""

import numpy as np
from jaxtyping import Float, Float32
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.kernel import kernel
from tactful.models.protocol import Parameters, version_of


class SimpleCurve:
    """The discounted value of k messages a week, as if all responses were independent of each other.

    `a(k) = 1 − (1 − p_organic)(1 − p_click)^(k/7)` is the chance that a day is active, with k/7 messages a
    day; `h(k) = 1 − (1 − p_unsubscribe)^k` that the week ends the subscription; `a_L` the activity
    afterwards. Then `V(k) = (1 − γ)·[a(k) + γ·h(k)·a_L/(1 − γ)] / (1 − γ(1 − h(k)))`: a subscriber's active
    days a day, discounted by γ a week; γ = 0 gives a(k).

    It assumes independence, which is not so: the tenth message of a week is clicked less and annoys more than
    the first, and who would have come anyway clicks most. It is a stand-in with the right shape, until
    response models are fitted to randomised volumes.

    Source: the form without discount is Zhao et al., "Notification Volume Control and Optimization System at
    Pinterest", KDD 2018; a(k) from independent clicks and the discount are ours.
    """

    def __init__(self, gamma: float = 0.95, after_leaving_share: float = 0.9) -> None:
        """Takes the weekly discount, 0 <= gamma < 1, and the share of organic activity left after leaving."""
        if not (0.0 <= gamma < 1.0 and 0.0 <= after_leaving_share <= 1.0):
            raise InvalidModel(
                f"got gamma {gamma} and after_leaving_share {after_leaving_share}, expected [0, 1) and [0, 1]"
            )
        self._gamma, self._share = float(gamma), float(after_leaving_share)
        self.version = version_of("SimpleCurve", self.parameters())

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"gamma": self._gamma, "after_leaving_share": self._share}

    def curve(
        self,
        p_organic: Float[np.ndarray, " n"],
        p_click: Float[np.ndarray, " n"],
        p_unsubscribe: Float[np.ndarray, " n"],
        k_max: int,
    ) -> Float32[np.ndarray, "b n"]:
        """Returns V of every weekly budget 0..k_max (b = k_max + 1), budgets first, in active days a day.

        Args:
            p_organic: chance of an active day without messages.
            p_click: chance that a message brings her.
            p_unsubscribe: chance that a message makes her leave.
            k_max: largest weekly budget, >= 0.
        """
        out = np.empty((k_max + 1, len(p_organic)), dtype=np.float32)
        _curve(
            p_organic.astype(np.float64),
            p_click.astype(np.float64),
            p_unsubscribe.astype(np.float64),
            self._gamma,
            self._share,
            out,
        )
        return out


@kernel
def _curve(
    p_organic: NDArray[np.float64],
    p_click: NDArray[np.float64],
    p_unsubscribe: NDArray[np.float64],
    gamma: float,
    share: float,
    out: NDArray[np.float32],
) -> None:
    for i in range(out.shape[1]):
        per_message = (1.0 - p_click[i]) ** (1.0 / 7.0)
        idle = 1.0 - p_organic[i]
        stay = 1.0
        after = share * p_organic[i]
        for k in range(out.shape[0]):
            active, leave = 1.0 - idle, 1.0 - stay
            value = ((1.0 - gamma) * active + gamma * leave * after) / (1.0 - gamma * stay)
            out[k, i] = np.float32(value)
            idle *= per_message
            stay *= 1.0 - p_unsubscribe[i]
