"""Scoring many candidates of a user against her one history: what is exported, for training has a history a row."""

import math
from typing import Final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, cat, nn

from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import pooled, uniform
from tactful.models.sequence import ResponseModel
from tactful.models.time_bias import TimeBias
from tactful.models.tin import TIN

_LOWEST: Final = -1e30
"""Added to the logit of padding, once a user: a mask for each candidate would cost as much as the attention."""


def shared(model: nn.Module) -> nn.Module:
    """Returns the model with C candidates a user and one history, clock and context for all of them.

    Its inputs are those of `ResponseModel.forward`, of u users, but for `target`, which has the ids of [u, C, F].
    """
    match model:
        case TIN():
            return SharedTIN(model)
        case TimeBias():
            return SharedTimeBias(model)
    return Repeated(model)


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
            interest = _attended(v, x, seen, torch.where(seen, 0.0, _LOWEST))
        else:
            interest = pooled(uniform(seen), x)[:, None, :].expand_as(v)
        parts = [interest * v, interest, v] if tin.representation else [interest, v]
        return _logits(tin.tower, parts, tin.context(context))


class SharedTimeBias(nn.Module):
    """The same for TIN with a number a position or a bin of time: they are added once a user, with the mask."""

    def __init__(self, model: TimeBias) -> None:
        """Takes a trained model."""
        super().__init__()
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
        model, seen = self.model, known(length, history.shape[1])
        e, v = model.items(blanked(history, seen)), model.items(target)
        interest = _attended(v, e, seen, torch.where(seen, model.bias(length, gap), _LOWEST))
        return _logits(model.tower, [interest * v, interest, v], model.context(context))


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


def _attended(
    v: Float[Tensor, "u C d"], x: Float[Tensor, "u L d"], seen: Bool[Tensor, "u L"], bias: Float[Tensor, "u L"]
) -> Float[Tensor, "u C d"]:
    """What each candidate finds in its user's history; `bias` is added to the logits of the columns."""
    share = (v @ x.transpose(1, 2) / math.sqrt(v.shape[2]) + bias[:, None, :]).softmax(dim=2)
    return share @ (x * seen[:, :, None])


def _logits(
    tower: nn.Module, parts: list[Float[Tensor, "u C d"]], context: Float[Tensor, "u K"]
) -> Float[Tensor, "u C"]:
    """What the perceptron says of each candidate, whose user's context it shares."""
    users, candidates, _ = parts[0].shape
    where = context[:, None, :].expand(-1, candidates, -1)
    logit: Tensor = tower(cat([*parts, where], dim=2).flatten(0, 1))
    return logit.view(users, candidates)
