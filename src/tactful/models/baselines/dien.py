"""DIEN, the deep interest evolution network: one recurrent unit extracts interests, a second follows one of them."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor, cat, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from tactful.models.layers.augru import AUGRU
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known, turned
from tactful.models.layers.pooling import attention
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape


class DIEN(nn.Module):
    """Code ✓✓✗: interests are states of a GRU; how they go with the target says how far the second one moves.

        h_i  = GRU(e_i, h_{i−1})                             interest extractor
        α_i  = softmax_i(⟨h_i, W v_t⟩ / √d)
        h'_i = AUGRU(h_i, h'_{i−1}; α_i)                     interest evolution: the update gate times α_i
        ŷ    = σ(g_MLP([h'_H, v_t, context]))
        loss = BCE + λ·L_aux,  L_aux = −mean_i [log σ(⟨h_i, e_{i+1}⟩) + log(1 − σ(⟨h_i, ê_{i+1}⟩))]

    Source: Zhou et al., "Deep Interest Evolution Network", 2019, equations 2 to 10; TIN, Tables 1 and 5.
    Deviations: ê, what was not clicked next, is the behaviour at the same place of the row before it in the batch
    (the first row takes the last), so that no log of what was shown is needed; pairs without one are left out. The mean
    is over pairs, not over samples. L_aux is part of the loss in training mode only, so that validation losses of all
    models are one quantity.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        auxiliary: float = 1.0,
    ) -> None:
        """Makes a model with random weights; the arguments are those of `TIN`, and λ."""
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.extractor = nn.GRU(self.items.width, self.items.width, batch_first=True)
        self.match = nn.Linear(self.items.width, self.items.width, bias=False)
        self.evolution = AUGRU(self.items.width)
        self.auxiliary = auxiliary
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
        return self._logits(*self._extracted(history, length), target, context)

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy; in training, with the auxiliary loss."""
        e, h, seen = self._extracted(batch.history, batch.length)
        loss = binary_cross_entropy_with_logits(self._logits(e, h, seen, batch.target, batch.context), batch.label)
        return loss + self.auxiliary * _next_behaviour_loss(e, h, seen) if self.training else loss

    def _extracted(
        self, history: Int64[Tensor, "b L F"], length: Int64[Tensor, " b"]
    ) -> tuple[Float[Tensor, "b L d"], Float[Tensor, "b L d"], Bool[Tensor, "b L"]]:
        """Behaviours and interests in chronological order, and which of them are no padding."""
        seen = known(length, history.shape[1])
        e = self.items(turned(blanked(history, seen), length))
        return e, self.extractor(e)[0], seen

    def _logits(self, e: Tensor, h: Tensor, seen: Tensor, target: Tensor, context: Tensor) -> Tensor:
        v = self.items(target)
        evolved = self.evolution(h, attention(self.match(v), h, seen))
        logit: Tensor = self.tower(cat([evolved, v, self.context(context)], dim=1))
        return logit


def _next_behaviour_loss(
    e: Float[Tensor, "b L d"], h: Float[Tensor, "b L d"], seen: Bool[Tensor, "b L"]
) -> Float[Tensor, ""]:
    """How badly each interest tells the next behaviour from the one at its place in another row."""
    told = (h[:, :-1] * e[:, 1:]).sum(dim=2)
    other = (h[:, :-1] * e[:, 1:].roll(1, dims=0)).sum(dim=2)
    pairs = seen[:, 1:] & seen[:, 1:].roll(1, dims=0)
    return -((logsigmoid(told) + logsigmoid(-other)) * pairs).sum() / pairs.sum().clamp(min=1)
