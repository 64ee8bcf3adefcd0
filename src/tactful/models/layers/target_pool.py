"""What a target finds in a history: attention over rows of tables, without an array of b · L · d numbers.

A behaviour's vector is what it was, the rows of its fields, plus when it was, a temporal encoding that may be left out.
As long as the tables collect gradients by row (`layers/table.py`) compiled loops read the rows where they lie, and
write the gradients where they are summed. Otherwise, and in an exported graph, the same is computed by torch.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from tactful.errors import InvalidFeatures
from tactful.kernel import summing_kernel
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.history import blanked, known
from tactful.models.layers.pooling import attention, pooled, uniform
from tactful.models.layers.row_gradients import RowGradients


def target_pool(
    fields: FieldEmbedding,
    history: Int64[Tensor, "b L F"],
    length: Int64[Tensor, " b"],
    query: Float[Tensor, "b d"],
    times: Float[Tensor, "#b L d"] | None = None,
) -> Float[Tensor, "b d"]:
    """Returns `Σ_i α_i x_i` with `α = softmax_i(⟨x_i, q⟩/√d)`, over each sample's behaviours `x_i = e_i + times_i`.

    Args:
        fields: the tables that hold `e`.
        history: ids, newest first.
        length: behaviours of each sample; columns from there on are not read. Zero gives a vector of zeros.
        query: q.
        times: temporal encodings of the columns, of each sample or (one row) of all; None for none.

    Raises:
        InvalidFeatures: for an id that the tables do not hold.
    """
    sums = [table.gradients for table in fields.by_field() if table.gradients is not None]
    if not sums:
        x, seen = _behaviours(fields, history, length, times)
        return pooled(attention(query, x, seen), x)
    weights = [table.weight for table in fields.by_field()]
    if times is None:
        return _attend(query, query.new_zeros(history.shape[:2]), history, length, sums, *weights)[0]
    bias = _products(times, query) / math.sqrt(query.shape[1])
    found, share = _attend(query, bias, history, length, sums, *weights)
    return found + (share @ times[0] if len(times) == 1 else pooled(share, times))


def mean_pool(
    fields: FieldEmbedding,
    history: Int64[Tensor, "b L F"],
    length: Int64[Tensor, " b"],
    times: Float[Tensor, "#b L d"] | None = None,
) -> Float[Tensor, "b d"]:
    """Returns the mean of each sample's behaviours: what a query of zeros finds. Arguments are `target_pool`'s."""
    if all(table.gradients is None for table in fields.by_field()):
        x, seen = _behaviours(fields, history, length, times)
        return pooled(uniform(seen), x)
    return target_pool(fields, history, length, torch.zeros(len(history), fields.width), times)


def _behaviours(
    fields: FieldEmbedding, history: Tensor, length: Tensor, times: Tensor | None
) -> tuple[Float[Tensor, "b L d"], Bool[Tensor, "b L"]]:
    """The vectors of all columns, and which of them are known."""
    seen = known(length, history.shape[1])
    x: Tensor = fields(blanked(history, seen))
    return x if times is None else x + times, seen


def _products(x: Float[Tensor, "#b L d"], query: Float[Tensor, "b d"]) -> Float[Tensor, "b L"]:
    """`⟨x_ij, q_i⟩`."""
    return query @ x[0].T if len(x) == 1 else (x @ query[:, :, None]).squeeze(-1)


class _Attend(Function):
    """`Σ_i α_i e_i` and α, of `α = softmax_i(⟨e_i, q⟩/√d + bias_i)`.

    Let g be the gradient of the sum, h that of α, and `a_i = ⟨e_i, g⟩ + h_i`. Then the gradient of the logits is
    `ζ_i = α_i (a_i − Σ_j α_j a_j)`, that of a row `α_i g + ζ_i q/√d`, that of the query `Σ_i ζ_i e_i/√d`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        bias: Tensor,
        history: Tensor,
        length: Tensor,
        sums: list[RowGradients],
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.ids, ctx.length, ctx.sums = history.numpy(), length.numpy(), sums
        ctx.weights = tuple(weight.detach().numpy() for weight in weights)
        found, share = torch.empty_like(query), torch.zeros_like(bias)
        asked = (query.detach().numpy(), bias.detach().contiguous().numpy())
        unknown = _pool(ctx.weights, ctx.ids, ctx.length, *asked, share.numpy(), found.numpy())
        if unknown.any():
            row = int(unknown.argmax())
            raise InvalidFeatures(
                f"got an id out of its table in history {row}, {ctx.ids[row].tolist()[:3]}..., expected 0 up to "
                f"{[len(weight) for weight in weights]} (not included) by field; ids never seen in training are 0"
            )
        ctx.save_for_backward(query, share)
        return found, share

    @staticmethod
    def backward(ctx: Any, found: Tensor, share: Tensor) -> tuple[Tensor | None, ...]:
        query, weight = (saved.detach().numpy() for saved in ctx.saved_tensors)
        pooled_gradient, share_gradient = found.contiguous().numpy(), share.contiguous().numpy()
        logit, asked = np.zeros_like(weight), np.empty_like(query)
        _unpool(ctx.weights, ctx.ids, ctx.length, weight, pooled_gradient, share_gradient, logit, asked)
        scaled = logit * np.float32(1.0 / math.sqrt(query.shape[1]))
        for field, gradients in enumerate(ctx.sums):
            of = slice(field * gradients.width, (field + 1) * gradients.width)
            gradients.add_pooled(ctx.ids[:, :, field], ctx.length, weight, pooled_gradient[:, of], scaled, query[:, of])
        return torch.from_numpy(asked), torch.from_numpy(logit), *([None] * (3 + len(ctx.weights)))


_attend = cast(Callable[..., tuple[Tensor, Tensor]], _Attend.apply)


@summing_kernel
def _pool(
    weights: tuple[NDArray[np.float32], ...],
    ids: NDArray[np.int64],
    length: NDArray[np.int64],
    query: NDArray[np.float32],
    bias: NDArray[np.float32],
    share: NDArray[np.float32],
    found: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Fills `share` and `found`, row by row; returns which samples have an id out of range."""
    n_fields, width = len(weights), weights[0].shape[1]
    scale = np.float32(1.0 / math.sqrt(n_fields * width))
    unknown = np.zeros(len(ids), dtype=np.bool_)
    for i in numba.prange(len(ids)):
        found[i] = 0.0
        for f in range(n_fields):
            for j in range(length[i]):
                unknown[i] |= not 0 <= ids[i, j, f] < len(weights[f])
        if unknown[i]:
            continue
        highest, total = np.float32(-np.inf), np.float32(0.0)
        for j in range(length[i]):
            product = np.float32(0.0)
            for f in range(n_fields):
                row, asked = weights[f][ids[i, j, f]], query[i, f * width : (f + 1) * width]
                for c in range(width):
                    product += row[c] * asked[c]
            share[i, j] = product * scale + bias[i, j]
            highest = max(highest, share[i, j])
        for j in range(length[i]):
            share[i, j] = math.exp(share[i, j] - highest)
            total += share[i, j]
        for j in range(length[i]):
            share[i, j] /= total
            for f in range(n_fields):
                row, to, part = weights[f][ids[i, j, f]], found[i, f * width : (f + 1) * width], share[i, j]
                for c in range(width):
                    to[c] += part * row[c]
    return unknown


@summing_kernel
def _unpool(
    weights: tuple[NDArray[np.float32], ...],
    ids: NDArray[np.int64],
    length: NDArray[np.int64],
    share: NDArray[np.float32],
    pooled_gradient: NDArray[np.float32],
    share_gradient: NDArray[np.float32],
    logit: NDArray[np.float32],
    asked: NDArray[np.float32],
) -> None:
    """Fills the gradients of the logits and of the query."""
    n_fields, width = len(weights), weights[0].shape[1]
    scale = np.float32(1.0 / math.sqrt(n_fields * width))
    for i in numba.prange(len(ids)):
        asked[i] = 0.0
        mean = np.float32(0.0)
        for j in range(length[i]):
            product = share_gradient[i, j]
            for f in range(n_fields):
                row, gradient = weights[f][ids[i, j, f]], pooled_gradient[i, f * width : (f + 1) * width]
                part = np.float32(0.0)
                for c in range(width):
                    part += row[c] * gradient[c]
                product += part
            logit[i, j] = product
            mean += share[i, j] * product
        for j in range(length[i]):
            logit[i, j] = share[i, j] * (logit[i, j] - mean)
            for f in range(n_fields):
                row, to, part = weights[f][ids[i, j, f]], asked[i, f * width : (f + 1) * width], logit[i, j] * scale
                for c in range(width):
                    to[c] += part * row[c]
