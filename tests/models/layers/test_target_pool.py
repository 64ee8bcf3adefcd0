"""Attention over rows of tables: the compiled loops give what torch gives, forwards and backwards."""

import numba
import pytest
import torch
from torch import Tensor

from tactful.errors import InvalidFeatures
from tactful.models.layers.fields import FieldEmbedding
from tactful.models.layers.table import collecting
from tactful.models.layers.target_pool import target_pool
from tactful.training.fit import seeded

B, L, SIZES, DIM = 9, 7, (11, 5), 4
D = len(SIZES) * DIM


def _fields() -> FieldEmbedding:
    return seeded(lambda: FieldEmbedding(SIZES, DIM), 1)


def _inputs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    history = torch.stack([torch.randint(0, size, (B, L), generator=g) for size in SIZES], dim=-1)
    length = torch.randint(0, L + 1, (B,), generator=g)
    length[:2] = torch.tensor([0, L])
    return history, length, torch.randn(B, D, generator=g, requires_grad=True)


def _times(kind: str) -> Tensor | None:
    g = torch.Generator().manual_seed(5)
    rows = {"none": 0, "shared": 1, "own": B}[kind]
    return torch.randn(rows, L, D, generator=g, requires_grad=True) if rows else None


def _gradients(fields: FieldEmbedding, kind: str, found_by: str) -> list[Tensor]:
    """The answer, and the gradients of an arbitrary function of it: of query, bias, encodings, and tables."""
    history, length, query = _inputs()
    times, bias = _times(kind), torch.linspace(-1, 1, L)[None].requires_grad_()
    with collecting(fields) as tables:
        if found_by == "torch":
            for table in tables:
                table.gradients = None
        out = target_pool(fields, history, length, query + fields(history[:, 0]), times, bias)
        (out * torch.arange(B * D).view(B, D).cos()).sum().backward()
        results = [out.detach(), query.grad, bias.grad, *([times.grad] if times is not None else [])]
        for table in tables:
            whole = table.weight.grad if table.gradients is None else torch.from_numpy(table.gradients.dense())
            assert (table.weight.grad is None) == (table.gradients is not None)
            results.append(whole)
            table.weight.grad = None
    return results


@pytest.mark.parametrize("kind", ["none", "shared", "own"])
def test_compiled_loops_equal_torch_forwards_and_backwards(kind: str) -> None:
    fields = _fields()
    for ours, torchs in zip(_gradients(fields, kind, "loops"), _gradients(fields, kind, "torch"), strict=True):
        torch.testing.assert_close(ours, torchs, atol=1e-5, rtol=1e-5)


def test_the_number_of_threads_changes_no_bit() -> None:
    fields, before = _fields(), numba.get_num_threads()
    runs = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        runs.append(_gradients(fields, "own", "loops"))
    numba.set_num_threads(before)
    for one, many in zip(*runs, strict=True):
        assert torch.equal(one, many)


def test_padding_is_not_read_and_an_empty_history_gives_zeros() -> None:
    fields, (history, length, query) = _fields(), _inputs()
    spoilt = history.clone()
    spoilt[torch.arange(L) >= length[:, None]] = 10**9
    with collecting(fields), torch.no_grad():
        out = target_pool(fields, spoilt, length, query)
        assert torch.equal(out, target_pool(fields, history, length, query))
    torch.testing.assert_close(out, target_pool(fields, spoilt, length, query))
    assert torch.equal(out[length == 0], torch.zeros(int((length == 0).sum()), D))


@pytest.mark.parametrize("bad", [-1, 11])
def test_an_id_out_of_its_table_is_refused(bad: int) -> None:
    fields, (history, length, query) = _fields(), _inputs()
    history[1, 3, 0] = bad
    with collecting(fields), pytest.raises(InvalidFeatures, match="history 1"):
        target_pool(fields, history, length, query)
