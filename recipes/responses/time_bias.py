"""TIN whose temporal encoding is one number a position, or a bin of time, added to the attention and nothing else."""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import pooled, softmax
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class TimeBias(nn.Module):
    """Target-aware attention and representation as in TIN, and `b_f` for a behaviour at a position or in a bin of time.

        α_i = softmax_i(⟨e_i, v_t⟩ / √d + b_f(X_i))
        u   = Σ_i α_i (e_i ⊙ v_t)
        ŷ   = σ(g_MLP([u, Σ_i α_i e_i, v_t, context]))

    TIN adds vectors to behaviours and target instead. Their product is such a number, too, `⟨p_f, p_0⟩/√d`, but must be
    learned as a product, and whatever is learned stands in the representation as well.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        by: Literal["position", "interval"] = "position",
    ) -> None:
        """Makes a model with random weights; all numbers begin with 0. The arguments are those of `TIN`, and f."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.by = by
        self.bias = nn.Parameter(torch.zeros(shape.length if by == "position" else 1 + shape.gaps))
        self.tower = Tower(3 * self.items.width + self.context.width, hidden, dropout)

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
        product = (e @ v[:, :, None]).squeeze(-1) / self.items.width**0.5
        bias = self.bias[: history.shape[1]] if self.by == "position" else self.bias[gap.masked_fill(~seen, 0)]
        interest = pooled(softmax(product + bias, seen), e)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
