"""BST, the behaviour sequence transformer: self-attention over the history and the target."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.temporal_encoding import Order
from tactful.models.layers.tower import Tower
from tactful.models.layers.transformer import TransformerBlock
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class BST(nn.Module):
    """Code ✓✓✗: the target is one more element of the sequence; what it becomes is concatenated with what it was.

        x = (ẽ_1 .. ẽ_H, ṽ_t),  ẽ_i = e_i ⊕ p_i,  ṽ_t = v_t ⊕ p_{H+1}
        z = block(.. block(x)),  where each heeds all
        ŷ = σ(g_MLP([z_t, v_t, context]))

    Source: Chen et al., "Behavior Sequence Transformer for E-commerce Recommendation in Alibaba", 2019, section 2; one
    block, as there. Order (COE) and the element that is read, the target's, are those of TIN, section 4.5 and Table 5.
    Deviations: the source encodes times, beside the item, and concatenates what all positions become, so that a
    history must have one length; ours have many. The last block is computed where it is read, at the target.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        blocks: int = 1,
        heads: int = 2,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and the numbers of blocks and heads."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.order = Order(shape.length, self.items.width)
        self.blocks = nn.ModuleList(TransformerBlock(self.items.width, heads, dropout) for _ in range(blocks))
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
        seen = known(length, history.shape[1])
        e, v = self.items(blanked(history, seen)), self.items(target)
        p_target, p = self.order(length, gap, clock)
        x = cat([(v + p_target)[:, None, :], e + p], dim=1)
        heeds = cat([seen.new_ones(seen.shape[0], 1), seen], dim=1)[:, None, :]
        for block in self.blocks[:-1]:
            x = block(x, x, heeds)
        interest: Tensor = self.blocks[-1](x[:, :1], x, heeds).squeeze(1)
        logit: Tensor = self.tower(cat([interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
