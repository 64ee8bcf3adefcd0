"""DIN with one embedding for attention and another for representation: which of the two needs the width?"""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import attention, pooled, uniform
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class SplitDIN(nn.Module):
    """Code ✗✓✓ in two spaces, for the study of their widths.

        α_i = softmax_i(⟨e_i^TA, v_t^TA⟩ / √d_TA)
        u   = Σ_i α_i e_i^TR
        ŷ   = σ(g_MLP([u ⊙ v_t^TR, u, v_t^TR, context]))

    Source: TIN (Zhou et al., WWW 2024), appendix A.2, equation 6 and figure 5.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        attention_dim: int = 64,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and the width of attention.

        Args:
            shape, hidden, dropout: as everywhere.
            dim: width of one field's embedding for representation, so that d_TR is `dim` times the item's fields.
            attention_dim: the same for attention; with 0 all behaviours count alike.
        """
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.attended = FieldEmbedding(shape.items, attention_dim) if attention_dim else None
        self.context = FieldEmbedding(shape.context, dim)
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
        known_ids = blanked(history, seen)
        if self.attended is None:
            weights = uniform(seen)
        else:
            weights = attention(self.attended(target), self.attended(known_ids), seen)
        interest, v = pooled(weights, self.items(known_ids)), self.items(target)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
