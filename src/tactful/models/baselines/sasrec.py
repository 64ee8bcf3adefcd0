"""SASRec: self-attention over the history, where each behaviour heeds those before it."""

from jaxtyping import Float, Int64
from torch import Tensor, arange, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.temporal_encoding import Order
from tactful.models.layers.tower import Tower
from tactful.models.layers.transformer import TransformerBlock
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class SASRec(nn.Module):
    """Code ✓✗✓: time is chronological order (COE); no behaviour knows the target, which multiplies the last one.

        ẽ_i = e_i ⊕ p_i,  i = 1 .. H
        F   = block(.. block(ẽ)),  where i heeds 1 .. i
        ŷ   = σ(g_MLP([F_H ⊙ v_t, F_H, v_t, context]))

    Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", 2018, section III; TIN, Table 5.
    Deviations: it predicts a response instead of ranking all items, so ⟨F_H, v_t⟩ goes to the perceptron as its d
    terms, beside what every model gives it. COE as TIN has it: the source fills up short histories in front, so that
    its last position has one number. The last block is computed where it is read, at H.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        blocks: int = 2,
        heads: int = 2,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and the numbers of blocks and heads."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.order = Order(shape.length, self.items.width)
        self.blocks = nn.ModuleList(TransformerBlock(self.items.width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(self.items.width)
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
        x = e + self.order(length, gap, clock)[1]
        column = arange(history.shape[1], device=length.device)
        heeds = seen[:, None, :] & (column[None, :] >= column[:, None])
        for block in self.blocks[:-1]:
            x = block(x, x, heeds)
        newest: Tensor = self.norm(self.blocks[-1](x[:, :1], x, heeds[:, :1]))
        interest = newest.squeeze(1) * (length > 0)[:, None]
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
