"""SIM: attention to the target over behaviours that carry how long ago they were."""

import math

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import pooled, softmax
from tactful.models.layers.temporal_encoding import Interval
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class SIM(nn.Module):
    """Code ✓✓✗: TTE-T beside each behaviour, attention by heads, concatenation.

        z_i   = [e_i, p_bin(TS_t − TS_i)]
        α_i^h = softmax_i(⟨W_b^h z_i, W_a^h v_t⟩ / √d_h)     h = 1 .. heads
        ŷ     = σ(g_MLP([Σ_i α_i^1 z_i, .., Σ_i α_i^heads z_i, v_t, context]))

    Source: Pi et al., "Search-based User Interest Modeling with Lifelong Sequential Behavior Data", 2020, section 3.3,
    equations 5 and 6; TIN, Table 5.
    Deviation: only its second stage, the exact search unit. The first one picks a few of thousands of behaviours;
    ours are as many as the second one reads. Scores are scaled by the width of a head.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        heads: int = 2,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and the number of heads.

        Raises:
            InvalidModel: for data that have no times.
        """
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.interval = Interval(shape.gaps, dim)
        width = self.items.width
        self.query = nn.ModuleList(nn.Linear(width, width // heads, bias=False) for _ in range(heads))
        self.key = nn.ModuleList(nn.Linear(width + dim, width // heads, bias=False) for _ in range(heads))
        self.tower = Tower(heads * (width + dim) + width + self.context.width, hidden, dropout)

    def forward(
        self,
        target: Int64[Tensor, "b F"],
        history: Int64[Tensor, "b L F"],
        length: Int64[Tensor, " b"],
        gap: Int64[Tensor, "b L"],
        clock: Int64[Tensor, "b 1+L"],
        context: Int64[Tensor, "b C"],
    ) -> Float[Tensor, " b"]:
        """Returns the logit of the response to each target."""
        seen = known(length, history.shape[1])
        e, v = self.items(blanked(history, seen)), self.items(target)
        z = cat([e, self.interval(length, gap, clock)[1]], dim=2)
        interests = []
        for query, key in zip(self.query, self.key, strict=True):
            asked, keys = query(v), key(z)
            interests.append(
                pooled(softmax((keys @ asked[:, :, None]).squeeze(-1) / math.sqrt(keys.shape[2]), seen), z)
            )
        logit: Tensor = self.tower(cat([*interests, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
