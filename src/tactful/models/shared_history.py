"""Scoring many candidates of a user against her one history: what is exported, for training has a history a row."""

import math
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import pooled, uniform
from tactful.models.sequence import ResponseModel
from tactful.models.tin import TIN

_LOWEST: Final = -1e30
"""Added to the logit of padding, once a user: a mask for each candidate would cost as much as the attention."""


def shared(model: nn.Module) -> nn.Module:
    """Returns the model with C candidates a user and one history, clock and context for all of them.

    Its inputs are those of `ResponseModel.forward`, of u users, but for `target`, which has the ids of [u, C, F].
    """
    return SharedTIN(model) if isinstance(model, TIN) else Repeated(model)


class SharedTIN(nn.Module):
    """TIN's own formula; what depends on the history alone is computed once a user."""

    def __init__(self, tin: TIN) -> None:
        """Takes a trained model."""
        super().__init__()
        self.tin = tin

    def forward(
        self,
        target: Int64[Tensor, "u C F"],
        history: Int64[Tensor, "u L F"],
        length: Int64[Tensor, " u"],
        gap: Int64[Tensor, "u L"],
        clock: Int64[Tensor, "u 1+L"],
        context: Int64[Tensor, "u K"],
    ) -> Float[Tensor, "u C"]:
        """Returns the logit of the response to each candidate."""
        tin, seen = self.tin, known(length, history.shape[1])
        x, v = tin.items(blanked(history, seen)), tin.items(target)
        if tin.encoding is not None:
            p_target, p_behaviours = tin.encoding(length, gap, clock)
            x, v = x + p_behaviours, v + p_target[:, None, :]
        if tin.attention:
            unseen = torch.where(seen, 0.0, _LOWEST)[:, None, :]
            share = (v @ x.transpose(1, 2) / math.sqrt(v.shape[2]) + unseen).softmax(dim=2)
            interest = share @ (x * seen[:, :, None])
        else:
            interest = pooled(uniform(seen), x)[:, None, :].expand_as(v)
        parts = [interest * v, interest, v] if tin.representation else [interest, v]
        where = tin.context(context)[:, None, :].expand(-1, v.shape[1], -1)
        logit: Tensor = tin.tower(cat([*parts, where], dim=2).flatten(0, 1))
        return logit.view(v.shape[:2])


class Repeated(nn.Module):
    """Any response model; each candidate has a copy of the history."""

    def __init__(self, model: nn.Module) -> None:
        """Takes a trained `ResponseModel`."""
        super().__init__()
        assert isinstance(model, ResponseModel)
        self.model = model

    def forward(
        self,
        target: Int64[Tensor, "u C F"],
        history: Int64[Tensor, "u L F"],
        length: Int64[Tensor, " u"],
        gap: Int64[Tensor, "u L"],
        clock: Int64[Tensor, "u 1+L"],
        context: Int64[Tensor, "u K"],
    ) -> Float[Tensor, "u C"]:
        """Returns the logit of the response to each candidate."""
        users, candidates, _ = target.shape
        copies = [
            column[:, None].expand(-1, candidates, *column.shape[1:]).flatten(0, 1)
            for column in (history, length, gap, clock, context)
        ]
        logit: Tensor = self.model.forward(target.flatten(0, 1), *copies)
        return logit.view(users, candidates)
