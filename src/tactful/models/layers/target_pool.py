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
from tactful.kernel import parallel_summing_kernel, summing_kernel
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
    bias: Float[Tensor, "#b L"] | float = 0.0,
) -> Float[Tensor, "b d"]:
    """Returns `Σ_i α_i x_i` over each sample's behaviours `x_i = e_i + times_i`; `α = softmax_i(⟨x_i, q⟩/√d + bias_i)`.

    Args:
        fields: the tables that hold `e`.
        history: ids, newest first.
        length: behaviours of each sample; columns from there on are not read. Zero gives a vector of zeros.
        query: q.
        times: temporal encodings of the columns, of each sample or (one row) of all; None for none.
        bias: what is added to the logits of the columns, likewise.

    Raises:
        InvalidFeatures: for an id that the tables do not hold.
    """
    sums = [table.gradients for table in fields.by_field() if table.gradients is not None]
    if not sums:
        x, seen = _behaviours(fields, history, length, times)
        return pooled(attention(query, x, seen, bias), x)
    weights = [table.weight for table in fields.by_field()]
    added = query.new_zeros(history.shape[:2]) + bias
    if times is None:
        return _attend(query, added, history, length, sums, *weights)[0]
    added = added + _products(times, query) / math.sqrt(query.shape[1])
    found, share = _attend(query, added, history, length, sums, *weights)
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
        found, share = torch.zeros(query.shape), torch.zeros(bias.shape)
        asked = (query.detach().contiguous().numpy(), bias.detach().contiguous().numpy())
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
        scaled, asked = np.zeros_like(weight), np.zeros_like(query)
        _unpool(ctx.weights, ctx.ids, ctx.length, weight, pooled_gradient, share_gradient, scaled, asked)
        first = 0
        for field, sums in enumerate(ctx.sums):
            ids = ctx.ids[:, :, field]
            sums.add_pooled(ids, ctx.length, weight, pooled_gradient, scaled, query, first)
            first += sums.width
        logit = torch.from_numpy(scaled) * math.sqrt(query.shape[1])
        return torch.from_numpy(asked), logit, *([None] * (3 + len(ctx.weights)))


_attend = cast(Callable[..., tuple[Tensor, Tensor]], _Attend.apply)


@summing_kernel
def _products_of(
    rows: NDArray[np.float32], ids: NDArray[np.int64], n: int, vector: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Adds `⟨rows[ids_j], vector⟩` to the first n of `out`, four at a time: each then waits less for the others."""
    for quarter in range(n // 4):
        j = 4 * quarter
        a, b, c, d = rows[ids[j]], rows[ids[j + 1]], rows[ids[j + 2]], rows[ids[j + 3]]
        of_a = of_b = of_c = of_d = np.float32(0.0)
        for k in range(len(vector)):
            of_a += a[k] * vector[k]
            of_b += b[k] * vector[k]
            of_c += c[k] * vector[k]
            of_d += d[k] * vector[k]
        out[j] += of_a
        out[j + 1] += of_b
        out[j + 2] += of_c
        out[j + 3] += of_d
    for j in range(4 * (n // 4), n):
        a, of_a = rows[ids[j]], np.float32(0.0)
        for k in range(len(vector)):
            of_a += a[k] * vector[k]
        out[j] += of_a


@summing_kernel
def _sum_of(
    rows: NDArray[np.float32], ids: NDArray[np.int64], n: int, weight: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Adds `Σ_j weight_j rows[ids_j]` over the first n to `out`."""
    for quarter in range(n // 4):
        j = 4 * quarter
        a, b, c, d = rows[ids[j]], rows[ids[j + 1]], rows[ids[j + 2]], rows[ids[j + 3]]
        of_a, of_b, of_c, of_d = weight[j], weight[j + 1], weight[j + 2], weight[j + 3]
        for k in range(len(out)):
            out[k] += of_a * a[k] + of_b * b[k] + of_c * c[k] + of_d * d[k]
    for j in range(4 * (n // 4), n):
        a, of_a = rows[ids[j]], weight[j]
        for k in range(len(out)):
            out[k] += of_a * a[k]


@parallel_summing_kernel
def _pool(
    weights: tuple[NDArray[np.float32], ...],
    ids: NDArray[np.int64],
    length: NDArray[np.int64],
    query: NDArray[np.float32],
    bias: NDArray[np.float32],
    share: NDArray[np.float32],
    found: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Fills `share` and `found`, zeros before, row by row; returns which samples have an id out of range."""
    n_fields, width = len(weights), weights[0].shape[1]
    scale = np.float32(1.0 / math.sqrt(n_fields * width))
    unknown = np.zeros(len(ids), dtype=np.bool_)
    for i in numba.prange(len(ids)):
        n, alpha = length[i], share[i]
        for f in range(n_fields):
            for j in range(n):
                unknown[i] |= not 0 <= ids[i, j, f] < len(weights[f])
        if unknown[i]:
            continue
        for f in range(n_fields):
            _products_of(weights[f], ids[i, :, f], n, query[i, f * width : (f + 1) * width], alpha)
        highest, total = np.float32(-np.inf), np.float32(0.0)
        for j in range(n):
            alpha[j] = alpha[j] * scale + bias[i, j]
            highest = max(highest, alpha[j])
        for j in range(n):
            alpha[j] = math.exp(alpha[j] - highest)
            total += alpha[j]
        for j in range(n):
            alpha[j] /= total
        for f in range(n_fields):
            _sum_of(weights[f], ids[i, :, f], n, alpha, found[i, f * width : (f + 1) * width])
    return unknown


@parallel_summing_kernel
def _unpool(
    weights: tuple[NDArray[np.float32], ...],
    ids: NDArray[np.int64],
    length: NDArray[np.int64],
    share: NDArray[np.float32],
    pooled_gradient: NDArray[np.float32],
    share_gradient: NDArray[np.float32],
    scaled: NDArray[np.float32],
    asked: NDArray[np.float32],
) -> None:
    """Fills the gradients of the logits before they are scaled, and of the query; both are zeros before."""
    n_fields, width = len(weights), weights[0].shape[1]
    scale = np.float32(1.0 / math.sqrt(n_fields * width))
    for i in numba.prange(len(ids)):
        n, zeta, mean = length[i], scaled[i], np.float32(0.0)
        for f in range(n_fields):
            _products_of(weights[f], ids[i, :, f], n, pooled_gradient[i, f * width : (f + 1) * width], zeta)
        for j in range(n):
            zeta[j] += share_gradient[i, j]
            mean += share[i, j] * zeta[j]
        for j in range(n):
            zeta[j] = scale * share[i, j] * (zeta[j] - mean)
        for f in range(n_fields):
            _sum_of(weights[f], ids[i, :, f], n, zeta, asked[i, f * width : (f + 1) * width])
