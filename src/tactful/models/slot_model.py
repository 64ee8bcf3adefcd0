"""When: the chance that a person acts in each slot of the coming day, from the same slots of her previous days.

A torch module: it is trained here and served elsewhere, as ONNX (`served_slots.py`). What it learns from is made by
`features/slots.py`; nothing here knows users, clocks or zones.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from tactful.errors import InvalidModel
from tactful.models.layers.linear_attention import LinearAttention
from tactful.models.layers.rotary import day_angles, slot_angles
from tactful.models.layers.target_attention import TargetAttention

CLICK, ACTIVE = 0, 1
"""The two heads, in the order of the last dimension."""
CLIP: Final = 10.0
"""Largest weight of a slot that the old policy seldom chose."""
_RARE_LOGIT: Final = -3.0
"""Where both heads begin: few slots have a click or activity."""
REST_TYPES: Final = 2
"""Work days and rest days."""


@dataclass(frozen=True)
class SlotBatch:
    """n user-days to learn from. Days are counted back: column 0 of `known` is yesterday.

    `history` holds counts >= 0 by slot and day. `known` says which days there were (an account may be younger than L
    days); what is written on others is not read. `rest` and `today_rest` are 1 on rest days, else 0. `segment` is -1
    where it is not known. `active` is 1 where she was active in the slot of the day, else 0. `clicked` is the share of
    the slot's receipts that were clicked, `receipt_weight` how much the slot counts (`receipt_weights`).
    """

    history: Float[Tensor, "n K L f"]
    known: Bool[Tensor, "n L"]
    rest: Int64[Tensor, "n L"]
    today_rest: Int64[Tensor, " n"]
    segment: Int64[Tensor, " n"]
    active: Float[Tensor, "n K"]
    clicked: Float[Tensor, "n K"]
    receipt_weight: Float[Tensor, "n K"]


class SlotNet(nn.Module):
    """The temporal attention unit: a click head and an activity head for each of K slots.

    Of slot k on the day that was l days ago, with features `x_kl`, and on the coming day:

        e_kl = gelu(W log(1 + x_kl) + b)
        q_k  = E_slot[k] + E_day[rest(today)] + E_segment[segment]
        h_k  = TargetAttention(q_k; e_k1 .. e_kL)            over days, in the same slot; keys also have E_day[rest(l)]
        z    = q + h;  z' = z + LinearAttention(z)           across slots
        p_k  = σ(MLP(z'_k))                                  one for each head

    A cold user has no known day: her answer is that of her segment, the slot and the day's type. An unknown segment,
    or one out of range, has an embedding of its own.

    Source: TIM: Temporal Interaction Model in Notification System (Kuaishou, 2024), its temporal attention unit.
    Deviations: sizes, loss and the residual sums are ours, for none of them is public. Positions turn whole times a
    week or a day (`layers/rotary.py`); attention may heed *nothing* (`layers/target_attention.py`). A day's type tells
    which days to heed, and is no part of what is found there: else the pattern of the last days' types is a name for
    the date, which a model learns by heart from few days (Globo, 5 of them: 5.9 bits on an unseen pattern, 4.1 on
    others). A second layer for `e` would be idle work: keys and values are linear in `e`, with matrices of their own.
    """

    def __init__(
        self,
        n_slots: int = 24,
        n_days: int = 28,
        n_features: int = 6,
        n_segments: int = 0,
        width: int = 24,
        active_share: float = 0.5,
        rotary: bool = True,
        day_types: bool = True,
        slot_attention: bool = True,
        target_attention: bool = True,
    ) -> None:
        """Makes a model with random weights from torch's generator (`training.fit.seeded` gives them a seed).

        Args:
            n_slots, n_days, n_features: K, L and f of the history.
            n_segments: how many segments there are.
            width: d, even.
            active_share: share of the loss that the auxiliary head has, 0..1; 1 without receipts to learn from.
            rotary, day_types, slot_attention, target_attention: an ablation each, when False.

        Raises:
            InvalidModel: for a size below 1, an odd width, or a share out of range.
        """
        super().__init__()
        if min(n_slots, n_days, n_features, n_segments + 1) < 1 or width < 2 or width % 2:
            raise InvalidModel(
                f"got {n_slots} slots, {n_days} days, {n_features} features, {n_segments} segments and width {width}, "
                "expected at least 1 of each, 0 segments or more, and an even width"
            )
        if not 0.0 <= active_share <= 1.0:
            raise InvalidModel(f"got active_share {active_share}, expected a share of the loss, 0 to 1")
        self.shape = (n_slots, n_days, n_features)
        self.active_share = active_share
        self.cell = nn.Sequential(nn.Linear(n_features, width), nn.GELU())
        self.day = nn.Embedding(REST_TYPES, width) if day_types else None
        self.slot = nn.Parameter(0.1 * torch.randn(n_slots, width))
        self.segment = nn.Embedding(1 + n_segments, width)
        self.over_days = TargetAttention(width, day_angles(n_days, width) if rotary else None, target_attention)
        self.across_slots = (
            nn.Sequential(nn.LayerNorm(width), LinearAttention(width, slot_angles(n_slots, width) if rotary else None))
            if slot_attention
            else None
        )
        self.heads = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2))

    def forward(
        self,
        history: Float[Tensor, "n K L f"],
        known: Bool[Tensor, "n L"],
        rest: Int64[Tensor, "n L"],
        today_rest: Int64[Tensor, " n"],
        segment: Int64[Tensor, " n"],
    ) -> Float[Tensor, "n K 2"]:
        """Returns the logits of each slot's click (given a receipt) and of activity in it."""
        query, past = self.encode(history, known, today_rest, segment)
        z = query + self.over_days(query, past, known, None if self.day is None else self.day(rest))
        if self.across_slots is not None:
            z = z + self.across_slots(z)
        logits: Tensor = self.heads(z)
        return logits

    def attention(
        self,
        history: Float[Tensor, "n K L f"],
        known: Bool[Tensor, "n L"],
        rest: Int64[Tensor, "n L"],
        today_rest: Int64[Tensor, " n"],
        segment: Int64[Tensor, " n"],
    ) -> Float[Tensor, "n K 1+L"]:
        """Returns how much each slot heeds *nothing* (first) and itself on each previous day; rows sum to 1."""
        query, past = self.encode(history, known, today_rest, segment)
        return self.over_days.weights(query, past, known, None if self.day is None else self.day(rest))

    def encode(
        self,
        history: Float[Tensor, "n K L f"],
        known: Bool[Tensor, "n L"],
        today_rest: Int64[Tensor, " n"],
        segment: Int64[Tensor, " n"],
    ) -> tuple[Float[Tensor, "n K d"], Float[Tensor, "n K L d"]]:
        """Returns the query of each slot of the coming day, and the encoded slots of the previous days."""
        past: Tensor = self.cell(history.clamp(min=0.0).log1p() * known[:, None, :, None])
        listed = torch.where(segment < self.segment.num_embeddings - 1, segment + 1, 0).clamp(min=0)
        query: Tensor = self.slot + self.segment(listed)[:, None, :]
        if self.day is not None:
            query = query + self.day(today_rest)[:, None, :]
        return query, past

    def loss(self, batch: SlotBatch) -> Float[Tensor, ""]:
        """Returns the mean over user-days and slots of the two heads' binary cross-entropies.

        `(1 − a)·w_k·BCE(click_k) + a·BCE(active_k)`, a the share of the auxiliary head and w_k the slot's
        `receipt_weight`, which is 0 where nothing was received.
        """
        logits = self(batch.history, batch.known, batch.rest, batch.today_rest, batch.segment)
        click = binary_cross_entropy_with_logits(logits[..., CLICK], batch.clicked, batch.receipt_weight)
        active = binary_cross_entropy_with_logits(logits[..., ACTIVE], batch.active)
        return (1.0 - self.active_share) * click + self.active_share * active


def receipt_weights(
    receipts: Float[Tensor, "n K"], slot_probability: Float[Tensor, "n K"] | None = None, clip: float = CLIP
) -> Float[Tensor, "n K"]:
    """Returns how much each slot counts for the click head: its receipts times min(1 / slot probability, clip).

    The policy of the day chose those slots, so slots that it seldom chose stand for more. Where the probability was
    not logged (None, or 0) a receipt counts once.

    >>> receipt_weights(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[0.5, 0.5, 0.01]])).tolist()
    [[0.0, 2.0, 20.0]]
    """
    if slot_probability is None:
        return receipts
    logged = slot_probability > 0.0
    inverse = torch.where(logged, 1.0 / torch.where(logged, slot_probability, 1.0), 1.0)
    return receipts * inverse.clamp(max=clip)
