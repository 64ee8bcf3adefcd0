"""Linear self-attention: every position heeds every other, in time that grows with their number, not its square."""

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import elu

from tactful.models.layers.rotary import rotate


class LinearAttention(nn.Module):
    """`H' = √K · R·φ(Q) (R·φ(K))ᵀ V / φ(Q) φ(K)ᵀ1`, `φ(x) = elu(x) + 1`, R the rotation by position.

    Source: Katharopoulos et al., "Transformers are RNNs", 2020, equations 4 to 7; with rotary positions in the
    numerator alone, Su et al., 2021, equation 19: the denominator must stay positive. TIM puts it across slots.
    Deviations: queries and keys are taken from the normed input but values from the input itself, since how much was
    there is what counts; √K, for at first each of K positions has about 1/K of the say.
    """

    angles: Tensor | None

    def __init__(self, width: int, angles: Float[Tensor, "K half"] | None) -> None:
        """Takes the width d and how far each position turns (None: no positions)."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.register_buffer("angles", angles, persistent=False)

    def forward(self, x: Float[Tensor, "n K d"]) -> Float[Tensor, "n K d"]:
        """Returns what each position takes from all."""
        normed = self.norm(x)
        query, key = elu(self.query(normed)) + 1.0, elu(self.key(normed)) + 1.0
        total = query @ key.sum(dim=1)[:, :, None]
        if self.angles is not None:
            query, key = rotate(query, self.angles), rotate(key, self.angles)
        out: Tensor = math.sqrt(x.shape[1]) * (query @ (key.transpose(1, 2) @ self.value(x))) / total
        return out
