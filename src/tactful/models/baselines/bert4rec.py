"""BERT4Rec: self-attention over the history in both directions, read at a mask that stands for what comes next."""

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn, randn

from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.temporal_encoding import Order
from tactful.models.layers.tower import Tower
from tactful.models.layers.transformer import TransformerBlock
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy


class BERT4Rec(nn.Module):
    """Code ✓✗✓: time is chronological order (COE); a mask in the target's place heeds all behaviours, not the target.

        x = (ẽ_1 .. ẽ_H, m ⊕ p_{H+1}),  ẽ_i = e_i ⊕ p_i       m: the mask's vector
        h = block(.. block(x)),  where each heeds all
        ŷ = σ(g_MLP([h_m ⊙ v_t, h_m, v_t, context]))

    Source: Sun et al., "BERT4Rec", 2019, sections 3.3 to 3.6, where the mask is put at the end to recommend; TIN,
    Table 5.
    Deviations: it learns from responses alone, without masks within the history; ⟨h_m, v_t⟩ goes to the perceptron as
    its d terms, beside what every model gives it. The last block is computed where it is read, at the mask.
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
        self.mask = nn.Parameter(randn(self.items.width) * dim**-0.5)
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
        p_next, p = self.order(length, gap, clock)
        x = cat([(self.mask + p_next)[:, None, :], e + p], dim=1)
        heeds = cat([seen.new_ones(seen.shape[0], 1), seen], dim=1)[:, None, :]
        for block in self.blocks[:-1]:
            x = block(x, x, heeds)
        interest: Tensor = self.norm(self.blocks[-1](x[:, :1], x, heeds)).squeeze(1)
        logit: Tensor = self.tower(cat([interest * v, interest, v, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)
