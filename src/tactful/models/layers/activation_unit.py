"""The activation unit: how much a behaviour says about a target, by a small perceptron instead of a dot product."""

import math

from jaxtyping import Float
from torch import Tensor, nn


class ActivationUnit(nn.Module):
    """`a(e_i, v) = MLP([v, e_i, v − e_i, v ⊙ e_i]) / √d`, hidden layers of 80 and 40 sigmoids.

    Source: Zhou et al., "Deep Interest Network", 2018, section 4.3 and figure 2; widths, sigmoids and the division are
    those of its authors' code.
    Deviation: the first layer is written without the difference, which is linear in v and e_i and so adds nothing; the
    part of v is computed once a row.
    """

    def __init__(self, width: int) -> None:
        """Takes d, the width of behaviour and target."""
        super().__init__()
        self.of_target = nn.Linear(width, 80)
        self.of_behaviour = nn.Linear(width, 80, bias=False)
        self.of_product = nn.Linear(width, 80, bias=False)
        self.rest = nn.Sequential(nn.Sigmoid(), nn.Linear(80, 40), nn.Sigmoid(), nn.Linear(40, 1))
        self.scale = 1.0 / math.sqrt(width)

    def forward(self, target: Float[Tensor, "b d"], behaviours: Float[Tensor, "b L d"]) -> Float[Tensor, "b L"]:
        """Returns one logit a behaviour."""
        v = target[:, None, :]
        first = self.of_target(v) + self.of_behaviour(behaviours) + self.of_product(behaviours * v)
        logits: Tensor = self.rest(first).squeeze(-1)
        return logits * self.scale
