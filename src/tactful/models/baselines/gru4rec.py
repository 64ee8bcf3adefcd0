"""GRU4Rec: a recurrent reader of the history, which does not know the target; then its product with the target."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known, last, turned
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class GRU4Rec(nn.Module):
    """Code ✓✗✓: time is the order in which a recurrent unit reads.

        h_i = GRU(e_i, h_{i−1}),  i = 1 .. H
        ŷ   = σ(g_MLP([h_H ⊙ v_t, h_H, v_t, context]))

    Source: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", 2016, section 3.1; TIN,
    Table 5.
    Deviation: it predicts a response instead of ranking all items, so ⟨h_H, v_t⟩ goes to the perceptron as its d terms,
    beside what every model gives it.
    """

    def __init__(self, shape: Shape, dim: int = 64, hidden: tuple[int, ...] = (80, 40), dropout: float = 0.0) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.gru = nn.GRU(self.items.width, self.items.width, batch_first=True)
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
        read: Tensor = self.gru(turned(e, length))[0]
        interest = last(read, length)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
