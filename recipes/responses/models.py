"""The neural models of the tables: what each is called, which code it has, and how it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from torch import nn

from tactful.models.baselines import resolve
from tactful.models.sequence import Shape

WIDTH: Final = 64
"""Numbers of an item's embedding, shared out among its fields: 16 each where there are four."""
HIDDEN: Final = (80, 40)


@dataclass(frozen=True)
class Neural:
    """A row of the tables.

    Attributes:
        title: as the table shows it.
        code: whether it has temporal information, target-aware attention, target-aware representation.
        name: in `RESPONSE_MODELS`.
        options: which of its parts are left out or otherwise.
        timed: whether it needs the time of every behaviour.
    """

    title: str
    code: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    timed: bool = False

    def make(self, shape: Shape, dropout: float) -> nn.Module:
        """Returns the model with random weights."""
        dim = WIDTH // len(shape.items)
        model: nn.Module = resolve(self.name)(shape, dim, HIDDEN, dropout=dropout, **self.options)
        return model


NEURAL: Final[Mapping[str, Neural]] = {
    "average_concat": Neural("average pooling & concat", "✗✗✗", "average_concat"),
    "average_product": Neural("average pooling & product", "✗✗✓", "average_product"),
    "din_prime": Neural("DIN'", "✗✓✗", "din_prime"),
    "din": Neural("DIN", "✗✓✓", "din"),
    "gru4rec": Neural("GRU4Rec", "✓✗✓", "gru4rec"),
    "sasrec": Neural("SASRec", "✓✗✓", "sasrec"),
    "bert4rec": Neural("BERT4Rec", "✓✗✓", "bert4rec"),
    "dien": Neural("DIEN", "✓✓✗", "dien"),
    "dsin": Neural("DSIN", "✓✓✗", "dsin"),
    "bst": Neural("BST", "✓✓✗", "bst"),
    "tin": Neural("TIN", "✓✓✓", "tin"),
    "tin_without_tte": Neural("TIN w/o TTE", "✗✓✓", "tin", {"temporal": False}),
    "tin_without_ta": Neural("TIN w/o TA", "✓✗✓", "tin", {"attention": False}),
    "tin_without_tr": Neural("TIN w/o TR", "✓✓✗", "tin", {"representation": False}),
    "position_bias": Neural("TIN, a number a position (ours)", "✓✓✓", "time_bias"),
    "interval_bias": Neural("TIN, a number a bin of time (ours)", "✓✓✓", "time_bias", {"by": "interval"}, timed=True),
    "tin_order": Neural("TIN by chronological order", "✓✓✓", "tin", {"encoding": "order"}),
    "tin_interval": Neural("TIN by TTE-T", "✓✓✓", "tin", {"encoding": "interval"}, timed=True),
    "tin_both": Neural("TIN by TTE-P and TTE-T", "✓✓✓", "tin", {"encoding": "both"}, timed=True),
    "tin_timestamp": Neural("TIN by timestamp", "✓✓✓", "tin", {"encoding": "timestamp"}, timed=True),
    "sim": Neural("SIM", "✓✓✗", "sim", timed=True),
}
"""In the order of TIN's Table 1, then its Table 4."""
