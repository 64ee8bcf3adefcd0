"""Export: what is served equals what was trained, and what does not is refused."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tactful.errors import InvalidModel
from tactful.models.onnx import BLOCK_ROWS, Graph
from tactful.models.served_slots import ServedSlots
from tactful.models.slot_model import SlotNet
from tactful.training.export import export
from tactful.training.fit import seeded

N, K, L, F = 3, 6, 4, 2


def _inputs(n: int, seed: int = 0) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {
        "history": torch.poisson(torch.full((n, K, L, F), 0.4), generator=g),
        "known": torch.rand(n, L, generator=g) < 0.6,
        "rest": torch.randint(0, 2, (n, L), generator=g),
        "today_rest": torch.randint(0, 2, (n,), generator=g),
        "segment": torch.randint(-1, 3, (n,), generator=g),
    }


def test_a_served_slot_model_equals_the_trained_one_for_any_number_of_rows() -> None:
    net = seeded(lambda: SlotNet(K, L, F, n_segments=2, width=8), 4)
    served = ServedSlots(export(net, _inputs(N)))
    for n in (1, BLOCK_ROWS + 5):
        rows = _inputs(n, seed=n)
        with torch.no_grad():
            eager = torch.sigmoid(net(*rows.values())).numpy()
        got = served.chances(**{name: column.numpy() for name, column in rows.items()})
        np.testing.assert_allclose(got, eager, atol=1e-5)
    with pytest.raises(InvalidModel, match="expected"):
        served.chances(**{name: column.numpy() for name, column in (_inputs(2) | _wider()).items()})


def _wider() -> dict[str, Tensor]:
    return {"history": torch.zeros(2, K, L, F + 1)}


class Drawn(nn.Module):
    """A model whose scores are drawn anew each time."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns x times a random number."""
        out: Tensor = x * torch.rand(1).item()
        return out


def test_a_model_that_is_exported_otherwise_than_it_computes_is_refused() -> None:
    with pytest.raises(InvalidModel, match="differ by"):
        export(Drawn(), {"x": torch.ones(4, 2)})


def test_one_row_is_no_example_and_other_bytes_are_no_graph() -> None:
    with pytest.raises(InvalidModel, match="two or more"):
        export(nn.Linear(1, 1), {"input": torch.ones(1, 1)})
    with pytest.raises(InvalidModel, match="no ONNX graph"):
        Graph(b"nothing")
