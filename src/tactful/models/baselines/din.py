"""DIN: the deep interest network as its authors released it, with attention to the target and product with it."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.activation_unit import ActivationUnit
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import pooled, softmax
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class DIN(nn.Module):
    """Code ✗✓✓: behaviours count by how they go with the target, and their sum is multiplied by it.

        α_i = softmax_i(a(e_i, v_t))                        a: the activation unit
        u   = Σ_i α_i e_i
        ŷ   = σ(g_MLP([u ⊙ v_t, u, v_t, context]))

    Source: Zhou et al., "Deep Interest Network", 2018, section 4.3, and its authors' code; TIN, Tables 1 and 5,
    footnote 2. Where TIN writes DIN's attention as ⟨e_i, v_t⟩ (Tables 2 and 5, equation 6) it simplifies: so written it
    would be TIN without TTE, from which its Table 1 tells it. That one is `TIN(temporal=False)`.
    Deviation: no batch normalisation before the perceptron (`layers/tower.py`).
    """

    def __init__(self, shape: Shape, dim: int = 64, hidden: tuple[int, ...] = (80, 40), dropout: float = 0.0) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.unit = ActivationUnit(self.items.width)
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
        interest = pooled(softmax(self.unit(v, e), seen), e)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
