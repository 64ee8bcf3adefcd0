"""A transformer over feature tokens; a person's do not heed a candidate's, so that her half is computed once."""

import math

from jaxtyping import Float
from torch import Tensor, cat, nn


class MixerBlock(nn.Module):
    """`x' = x + MHA(LN(x); LN(x) and what is remembered); y = x' + FFN(LN(x'))`, FFN with 2d hidden units and GELU.

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3; norms before each part (Xiong et al., "On
    Layer Normalization in the Transformer Architecture", 2020). Tokens are features, not places: there are no
    positions, a token is told by what it holds.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        """Takes the width d, of which the number of attention heads is a divisor, and the share of d left out."""
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.memory = nn.Linear(width, 2 * width)
        self.out = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.further = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
            nn.Dropout(dropout),
        )

    def remembered(self, x: Float[Tensor, "n t d"]) -> Float[Tensor, "n t 2*d"]:
        """Returns keys and values of tokens, side by side: what others may heed of them."""
        out: Tensor = self.memory(self.norm(x))
        return out

    def forward(
        self, x: Float[Tensor, "n t d"], before: Float[Tensor, "n u 2*d"] | None = None
    ) -> Float[Tensor, "n t d"]:
        """Returns what each token becomes, which heeds its fellows and those `remembered` before, if any."""
        normed = self.norm(x)
        memory = self.memory(normed)
        if before is not None:
            memory = cat([before, memory], dim=1)
        key, value = memory.chunk(2, dim=2)
        query, key, value = (self._split(part) for part in (self.query(normed), key, value))
        share = (query @ key.transpose(2, 3) / math.sqrt(query.shape[3])).softmax(dim=3)
        x = x + self.out((share @ value).transpose(1, 2).flatten(2))
        out: Tensor = x + self.further(x)
        return out

    def _split(self, x: Float[Tensor, "n t d"]) -> Float[Tensor, "n heads t part"]:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
