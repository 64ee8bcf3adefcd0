"""One block of a transformer, computed for as many elements as are read."""

import math

from jaxtyping import Bool, Float
from torch import Tensor, nn

from tactful.models.layers.pooling import softmax


class TransformerBlock(nn.Module):
    """`x' = x + MHA(LN(x), LN(all)); y = x' + FFN(LN(x'))`, FFN with one hidden layer of the same width and GELU.

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.
    Deviations: norms before instead of after each part (Xiong et al., "On Layer Normalization in the Transformer
    Architecture", 2020), which learns without a warm-up of its own; a narrow FFN, as SASRec has. An element that heeds
    nothing takes nothing.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        """Takes the width d, of which the number of heads is a divisor, and the share of d left out of each part."""
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.further = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.Dropout(dropout)
        )

    def forward(
        self, x: Float[Tensor, "b n d"], among: Float[Tensor, "b m d"], heeds: Bool[Tensor, "b n_or_1 m"]
    ) -> Float[Tensor, "b n d"]:
        """Returns what each element of x becomes.

        Args:
            x: the elements to compute.
            among: all elements of the sequence; x itself, or where x is some of them.
            heeds: which of all elements each one of x may heed.
        """
        elements = self.norm(among)
        query, key, value = (
            self._split(part) for part in (self.query(self.norm(x)), self.key(elements), self.value(elements))
        )
        logits = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        taken = softmax(logits, heeds[:, None].expand(logits.shape)) @ value
        x = x + self.out(taken.transpose(1, 2).flatten(2))
        out: Tensor = x + self.further(x)
        return out

    def _split(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b heads n part"]:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
