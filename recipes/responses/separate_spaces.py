"""A network whose attention and representation have embeddings of their own, so that each can be of any width."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from responses.models import HIDDEN
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import attention, pooled, uniform
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class SeparateSpaces(nn.Module):
    """Target-aware attention in one space (TA), target-aware representation in another (TR).

        α_i = softmax_i(⟨v^TA, e_i^TA⟩ / √d_TA)
        u   = Σ_i α_i e_i^TR
        ŷ   = σ(g_MLP([u, v^TR, u ⊙ v^TR, context]))

    Source: TIN, appendix A.2, equation 6. With d_TA = 0 behaviours count alike.
    """

    def __init__(self, shape: Shape, attention_dim: int, representation_dim: int, dropout: float = 0.0) -> None:
        """Takes the widths of a field in both spaces; d_TA and d_TR are so many times the item's fields."""
        super().__init__()
        self.keys = FieldEmbedding(shape.items, attention_dim) if attention_dim else None
        self.values = FieldEmbedding(shape.items, representation_dim)
        self.context = FieldEmbedding(shape.context, representation_dim)
        self.tower = Tower(3 * self.values.width + self.context.width, HIDDEN, dropout)

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
        ids = blanked(history, seen)
        share = uniform(seen) if self.keys is None else attention(self.keys(target), self.keys(ids), seen)
        u, v = pooled(share, self.values(ids)), self.values(target)
        logit: Tensor = self.tower(cat([u, v, u * v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
