"""Average pooling and concatenation: a history is the mean of its behaviours, whatever the target."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.target_pool import mean_pool
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class AverageConcat(nn.Module):
    """Code ✗✗✗: no temporal information, no attention to the target, no product with it.

        u = (1/H) Σ_i e_i
        ŷ = σ(g_MLP([u, v_t, context]))

    Source: the base model of Zhou et al., "Deep Interest Network", 2018, section 4.2; TIN, Tables 1 and 5.
    """

    def __init__(self, shape: Shape, dim: int = 64, hidden: tuple[int, ...] = (80, 40), dropout: float = 0.0) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.tower = Tower(2 * self.items.width + self.context.width, hidden, dropout)

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
        parts = [mean_pool(self.items, history, length), self.items(target), self.context(context)]
        logit: Tensor = self.tower(cat(parts, dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
