"""What every response model reads and gives: a target, the behaviours before it, and the chance of a response.

All of them are `nn.Module`s made as `Model(shape, dim=64, hidden=(80, 40), ...)`, so that one data set, one fitting
loop and one suite of tests serve them all. Here are the shapes only; what is done with them is in `tin.py` and
`baselines/`, a file each.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from tactful.errors import InvalidModel


@dataclass(frozen=True)
class Shape:
    """Which columns a data set has, and how large each is.

    Attributes:
        items: vocabulary size of each of the F item fields; id 0, *not known* (never seen in training), included.
        context: the same of each further categorical field of a sample; may be empty.
        length: L, behaviours of the longest history.
        gaps: bins of the time from a behaviour to the target; 0 where the data have no times.

    Raises:
        InvalidModel: for no item field, or a size below 1.
    """

    items: tuple[int, ...]
    context: tuple[int, ...]
    length: int
    gaps: int

    def __post_init__(self) -> None:
        """Checks the sizes."""
        if not self.items or min(*self.items, *self.context, self.length, self.gaps + 1) < 1:
            raise InvalidModel(
                f"got {self}, expected an item field or more, sizes and a length of 1 or more, gaps >= 0"
            )


@dataclass(frozen=True)
class SequenceBatch:
    """b samples: a target item, the behaviours before it newest first, and whether there was a response.

    Column j of a history is at position j + 1 from the target (TTE-P), whose own is 0; it is behaviour
    `length - j` in chronological order. Columns from `length` on are padding: whatever they hold is never read. A batch
    may have fewer columns than `Shape.length`, but has one at least.

    Attributes:
        target: ids of the target's fields.
        history: ids of each behaviour's fields.
        length: behaviours of each sample, 0..L.
        gap: bin 1..gaps of the time from the behaviour to the target; 0 without times.
        clock: hour of the week, 0..167, of the target (column 0) and of the behaviours; 0 without times.
        context: ids of the further fields.
        label: 1 where there was a response, else 0.
    """

    target: Int64[Tensor, "b F"]
    history: Int64[Tensor, "b L F"]
    length: Int64[Tensor, " b"]
    gap: Int64[Tensor, "b L"]
    clock: Int64[Tensor, "b 1+L"]
    context: Int64[Tensor, "b C"]
    label: Float32[Tensor, " b"]

    def inputs(self) -> dict[str, Tensor]:
        """Returns what `forward` takes, by name and in its order: all but the label."""
        return {name: column for name, column in vars(self).items() if name != "label"}


@runtime_checkable
class ResponseModel(Protocol):
    """What TIN and its rivals have in common."""

    def forward(
        self,
        target: Int64[Tensor, "b F"],
        history: Int64[Tensor, "b L F"],
        length: Int64[Tensor, " b"],
        gap: Int64[Tensor, "b L"],
        clock: Int64[Tensor, "b 1+L"],
        context: Int64[Tensor, "b C"],
    ) -> Float[Tensor, " b"]:
        """Returns the logit of the response to each target."""
        ...

    def loss(self, batch: SequenceBatch) -> Float[Tensor, ""]:
        """Returns the mean loss of the batch."""
        ...


def cross_entropy(model: nn.Module, batch: SequenceBatch) -> Float[Tensor, ""]:
    """Returns the mean binary cross-entropy, in nats, of a model's logits on a batch."""
    return binary_cross_entropy_with_logits(model(**batch.inputs()), batch.label)
