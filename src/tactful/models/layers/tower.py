"""The tower: what a response model makes of its representations, one logit."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn


class Tower(nn.Module):
    """A multi-layer perceptron with a single output, the `g_MLP` of all response models.

    Source: Zhou et al., "Deep Interest Network", 2018, section 5.3: PReLU, one slope a unit; widths of TIN, A.1.
    Deviation: no batch normalisation (nor Dice, which has it inside). Batches are bucketed by the length of histories,
    so the statistics of a batch are those of its bucket, not those of the data.
    """

    def __init__(self, width: int, hidden: tuple[int, ...], dropout: float = 0.0) -> None:
        """Takes the widths of input and hidden layers, and the share of inputs of each layer that training leaves out.

        Args:
            width: of what `forward` reads.
            hidden: widths of the hidden layers.
            dropout: 0..1, of the input and of each hidden layer.
        """
        super().__init__()
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        for before, after in pairwise((width, *hidden)):
            layers += [nn.Linear(before, after), nn.PReLU(after), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear((width, *hidden)[-1], 1))

    def forward(self, x: Float[Tensor, "b width"]) -> Float[Tensor, " b"]:
        """Returns one logit a row."""
        out: Tensor = self.layers(x)
        return out.squeeze(-1)
