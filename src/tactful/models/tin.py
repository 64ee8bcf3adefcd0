"""TIN, the temporal interest network: which behaviours speak for a target, by what they were and by when they were."""

from typing import Literal, TypeAlias, assert_never

from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers import temporal_encoding
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.target_pool import mean_pool, target_pool
from tactful.models.layers.tower import Tower
from tactful.models.sequence import SequenceBatch, Shape, cross_entropy

Encoding: TypeAlias = Literal["position", "interval", "both", "order", "timestamp"]
"""TTE-P, TTE-T, their sum, chronological order (COE), timestamp (TE)."""


class TIN(nn.Module):
    """Target-aware temporal encoding (TTE), target-aware attention (TA), target-aware representation (TR).

        ẽ_i = e_i ⊕ p_f(X_i),  ṽ_t = v_t ⊕ p_f(X_t)                 e, v: the item's fields side by side, of width d
        α_i = softmax_i(⟨ẽ_i, ṽ_t⟩ / √d)
        u   = Σ_i α_i (ẽ_i ⊙ ṽ_t)  =  ṽ_t ⊙ Σ_i α_i ẽ_i
        ŷ   = σ(g_MLP([u, Σ_i α_i ẽ_i, ṽ_t, context]))

    So a behaviour's meaning and time meet those of the target twice, in α and in u: a 4-way interaction. Without a
    history u and the sum are 0. An ablation each: `temporal=False` has no p, `attention=False` the mean instead of α,
    `representation=False` no u.

    Source: Zhou et al., "Temporal Interest Network for User Response Prediction", WWW 2024, section 3.1, equation 2;
    what the perceptron reads is in Table 5.
    Deviations: the product is taken once, after the sum, which is the same and needs no array of b·L·d products. The
    mean stands for the sum without attention (equation 3 adds up), so that long histories do not shout.
    """

    def __init__(
        self,
        shape: Shape,
        dim: int = 64,
        hidden: tuple[int, ...] = (80, 40),
        dropout: float = 0.0,
        encoding: Encoding = "position",
        temporal: bool = True,
        attention: bool = True,
        representation: bool = True,
    ) -> None:
        """Makes a model with random weights from torch's generator (`training.fit.seeded` gives them a seed).

        Args:
            shape: of the data.
            dim: width of one field's embedding; d is `dim` times the item's fields.
            hidden: widths of the perceptron's hidden layers.
            dropout: 0..1, of the perceptron's input and hidden layers.
            encoding: what f says of a behaviour's time.
            temporal, attention, representation: an ablation each, when False.

        Raises:
            InvalidModel: for intervals of data that have no times.
        """
        super().__init__()
        self.items = FieldEmbedding(shape.items, dim)
        self.context = FieldEmbedding(shape.context, dim)
        self.encoding = _encoding(encoding, shape, self.items.width) if temporal else None
        self.attention, self.representation = attention, representation
        parts = 3 if representation else 2
        self.tower = Tower(parts * self.items.width + self.context.width, hidden, dropout)

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
        v, p_behaviours = self.items(target), None
        if self.encoding is not None:
            p_target, p_behaviours = self.encoding(length, gap, clock)
            v = v + p_target
        if self.attention:
            interest = target_pool(self.items, history, length, v, p_behaviours)
        else:
            interest = mean_pool(self.items, history, length, p_behaviours)
        parts = [interest * v, interest, v] if self.representation else [interest, v]
        logit: Tensor = self.tower(cat([*parts, self.context(context)], dim=1))
        return logit

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean binary cross-entropy."""
        return cross_entropy(self, batch)


def _encoding(encoding: Encoding, shape: Shape, width: int) -> nn.Module:
    match encoding:
        case "position":
            return temporal_encoding.RelativePosition(shape.length, width)
        case "interval":
            return temporal_encoding.Interval(shape.gaps, width)
        case "both":
            return temporal_encoding.PositionAndInterval(shape.length, shape.gaps, width)
        case "order":
            return temporal_encoding.Order(shape.length, width)
        case "timestamp":
            return temporal_encoding.Timestamp(width)
        case _:
            assert_never(encoding)
