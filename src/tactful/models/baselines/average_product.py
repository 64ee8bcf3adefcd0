"""Average pooling and product: the mean of the behaviours, multiplied by the target."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.target_pool import mean_pool
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class AverageProduct(nn.Module):
    """Code ✗✗✓: each behaviour is represented together with the target, but all count alike.

        u = (1/H) Σ_i e_i
        ŷ = σ(g_MLP([u ⊙ v_t, u, v_t, context]))            u ⊙ v_t = (1/H) Σ_i e_i ⊙ v_t

    Source: TIN, Tables 1 and 5.
    """

    def __init__(self, shape: Shape, dim: int = 64, hidden: tuple[int, ...] = (80, 40), dropout: float = 0.0) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
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
        interest, v = mean_pool(self.items, history, length), self.items(target)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
