"""Histories of different lengths in one array: which columns are known, and in which order they stand."""

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor


def known(length: Int64[Tensor, " b"], columns: int) -> Bool[Tensor, "b L"]:
    """Returns which columns hold a behaviour: the first `length` of each row.

    >>> known(torch.tensor([0, 2]), 3).tolist()
    [[False, False, False], [True, True, False]]
    """
    return torch.arange(columns, device=length.device) < length[:, None]


def blanked(history: Int64[Tensor, "b L F"], seen: Bool[Tensor, "b L"]) -> Int64[Tensor, "b L F"]:
    """Returns the history with id 0 in its padding: what stood there may be an id of no table."""
    return history.masked_fill(~seen[:, :, None], 0)


def turned(x: Shaped[Tensor, "b L *rest"], length: Int64[Tensor, " b"]) -> Shaped[Tensor, "b L *rest"]:
    """Returns the known columns of each row in the opposite order, the padding still behind them.

    What was newest first becomes chronological, and back. Padding holds copies that are not to be read.

    >>> turned(torch.tensor([[3, 2, 1, 0]]), torch.tensor([3])).tolist()
    [[1, 2, 3, 3]]
    """
    column = (length[:, None] - 1 - torch.arange(x.shape[1], device=x.device)).clamp(min=0)
    return x[torch.arange(x.shape[0], device=x.device)[:, None], column]


def last(x: Float[Tensor, "b L d"], length: Int64[Tensor, " b"]) -> Float[Tensor, "b d"]:
    """Returns the column `length - 1` of each row; zeros for an empty history."""
    found = x[torch.arange(x.shape[0], device=x.device), (length - 1).clamp(min=0)]
    return found * (length > 0)[:, None]
