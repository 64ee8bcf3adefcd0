"""Target attention: what a query finds in its own history, with somewhere to look when there is none."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tactful.models.layers.rotary import rotate


class TargetAttention(nn.Module):
    """Scaled dot-product attention of one query over L past positions, for each of K queries.

    `h_k = V Σ_l α_kl e_kl`, `α_k. = softmax_l(R(0)·W_q q_k · R(l)·W_k (e_kl + t_l) / √d)`, R the rotation by l
    days ago, t_l what is known of the position besides.

    Source: TIM (Kuaishou, 2024), target attention per slot; Vaswani et al., 2017, equation 1.
    Deviations: the softmax runs over one more position, a learned *nothing* that is always there. So a history that is
    empty, or masked, gives a finite answer, and a poor one may be left aside. V is applied after the sum, which is the
    same and cheaper. `attends=False` (an ablation) takes the mean of the known positions and *nothing*.
    """

    angles: Tensor | None

    def __init__(self, width: int, angles: Float[Tensor, "L half"] | None, attends: bool = True) -> None:
        """Takes the width d, how far each past position turns (None: no positions), and whether it attends."""
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(width))
        self.value = nn.Linear(width, width)
        self.query = nn.Linear(width, width, bias=False) if attends else None
        self.key = nn.Linear(width, width, bias=False) if attends else None
        self.register_buffer("angles", angles if attends else None, persistent=False)

    def forward(
        self,
        query: Float[Tensor, "n K d"],
        past: Float[Tensor, "n K L d"],
        known: Bool[Tensor, "n L"],
        traits: Float[Tensor, "n L d"] | None = None,
    ) -> Float[Tensor, "n K d"]:
        """Returns one vector a query; positions that are not known count for nothing.

        `traits`, t above, say which positions to heed and are no part of what is found there.
        """
        weight = self.weights(query, past, known, traits)
        found = (weight[:, :, 1:, None] * past).sum(dim=2) + weight[:, :, :1] * self.nothing
        out: Tensor = self.value(found)
        return out

    def weights(
        self,
        query: Float[Tensor, "n K d"],
        past: Float[Tensor, "n K L d"],
        known: Bool[Tensor, "n L"],
        traits: Float[Tensor, "n L d"] | None = None,
    ) -> Float[Tensor, "n K 1+L"]:
        """Returns how much each query heeds *nothing* (first) and each past position; rows sum to 1."""
        n, n_queries, n_past, width = past.shape
        mask = torch.cat((known.new_ones(n, 1), known), dim=1)[:, None, :].expand(n, n_queries, 1 + n_past)
        if self.query is None or self.key is None:
            return mask / mask.sum(dim=2, keepdim=True)
        asked, keys = self.query(query), self.key(past if traits is None else past + traits[:, None, :, :])
        if self.angles is not None:
            keys = rotate(keys, self.angles)
        first = (asked * self.key(self.nothing)).sum(dim=2, keepdim=True)
        scores = torch.cat((first, (asked[:, :, None, :] * keys).sum(dim=3)), dim=2) / math.sqrt(width)
        return scores.masked_fill(~mask, -math.inf).softmax(dim=2)
