"""From a history to one vector: weights of its behaviours, and their weighted sum.

The weights of a row sum to one over its known columns. They are exactly 0 on padding, and all of them for an empty
history, whose sum is then a vector of zeros.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def attention(
    query: Float[Tensor, "b d"],
    keys: Float[Tensor, "b L d"],
    seen: Bool[Tensor, "b L"],
    bias: Float[Tensor, "#b L"] | float = 0.0,
) -> Float[Tensor, "b L"]:
    """Returns `softmax_i(⟨k_i, q⟩/√d + bias_i)`, scaled dot-product attention of one query a row."""
    return softmax((keys @ query[:, :, None]).squeeze(-1) / math.sqrt(query.shape[1]) + bias, seen)


def softmax(logits: Float[Tensor, "*batch L"], seen: Bool[Tensor, "*batch L"]) -> Float[Tensor, "*batch L"]:
    """Returns the softmax over known columns."""
    lowest = torch.finfo(logits.dtype).min
    return logits.masked_fill(~seen, lowest).softmax(dim=-1) * seen


def uniform(seen: Bool[Tensor, "b L"]) -> Float[Tensor, "b L"]:
    """Returns equal weights of the known columns.

    >>> uniform(torch.tensor([[True, True, False], [False, False, False]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    return seen / seen.sum(dim=1, keepdim=True).clamp(min=1)


def pooled(weights: Float[Tensor, "b L"], values: Float[Tensor, "b L d"]) -> Float[Tensor, "b d"]:
    """Returns `Σ_i w_i x_i`."""
    return (weights[:, None, :] @ values).squeeze(1)
