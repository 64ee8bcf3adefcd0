"""What moves a model against its gradients: AdamW for the network, row-wise Adagrad for its tables of embeddings."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from tactful.models.layers.table import Table
from tactful.training.row_adagrad import RowAdagrad, Rows


class Optimiser:
    """One optimiser for the whole model, composed of what the model's parameters are.

    Matrices decay, vectors (biases, norms) do not. A gradient is never clipped to a norm over all parameters: with
    tables that would tie the step of a row to whichever other rows the batch holds.
    """

    def __init__(
        self, model: nn.Module, tables: Sequence[Table], learning_rate: float, weight_decay: float, rows: Rows
    ) -> None:
        """Takes a model, and those of its tables that are `collecting` their gradients.

        Args:
            model, tables: whose parameters move.
            learning_rate, weight_decay: AdamW's, of all parameters that are not of the tables.
            rows: how the tables learn.
        """
        apart = {id(table.weight) for table in tables}
        network = [p for p in model.parameters() if id(p) not in apart]
        decaying = [p for p in network if p.dim() > 1]
        steady = [p for p in network if p.dim() <= 1]
        groups: list[dict[str, Any]] = [{"params": decaying}, {"params": steady, "weight_decay": 0.0}]
        self._learning_rate = learning_rate
        self._network = torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay)
        self._rows = RowAdagrad(tables, rows)

    def clear(self) -> None:
        """Forgets the gradients."""
        self._network.zero_grad(set_to_none=True)
        self._rows.clear()

    def step(self, warmth: float) -> None:
        """Moves every parameter, at `warmth` (0..1) times its learning rate."""
        for group in self._network.param_groups:
            group["lr"] = self._learning_rate * warmth
        self._network.step()
        self._rows.step(warmth)

    def state(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {"network": self._network.state_dict(), "rows": self._rows.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state.

        Raises:
            UnreadableInput: for the state of other tables.
        """
        self._network.load_state_dict(state["network"])
        self._rows.restore(state["rows"])
