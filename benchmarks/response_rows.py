"""Made-up behaviour sequences of a given size, the same for both sides of `train_responses.py`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tactful.models.sequence import Shape
from tactful.training.histories import Behaviours, Samples
from tactful.training.sequences import Sequences

CATEGORIES = 500


@dataclass(frozen=True, eq=False)
class Rows:
    """n samples whose users have `length` behaviours each: nothing of them is padding.

    Items are drawn as in a shop, few often and many seldom; every other target is one of the newest ten behaviours over
    again. The more of these share its category, the likelier is a label of 1.
    """

    items: NDArray[np.int32]
    history: NDArray[np.int32]
    target: NDArray[np.int32]
    label: NDArray[np.float32]

    @classmethod
    def made(cls, n: int, n_items: int, length: int, seed: int) -> "Rows":
        """Returns n rows by a seeded generator."""
        draw = np.random.default_rng(seed)
        items = np.column_stack([np.arange(n_items), draw.integers(1, CATEGORIES, n_items)]).astype(np.int32)
        items[0] = 0
        history, target = (_drawn(draw, n_items, shape) for shape in ((n, length), (n,)))
        again = history[np.arange(n), -draw.integers(1, 11, n)]
        target = np.where(draw.random(n) < 0.5, again, target)
        alike = (items[history[:, -10:], 1] == items[target, 1][:, None]).sum(axis=1)
        chance = 1.0 / (1.0 + np.exp(1.5 - 2.0 * alike))
        return cls(items, history, target, (draw.random(n) < chance).astype(np.float32))

    def sequences(self) -> Sequences:
        """Returns them as Tactful's data set."""
        n, length = self.history.shape
        end = np.arange(1, n + 1) * length
        context = np.zeros((n, 0), dtype=np.int32)
        samples = Samples(np.arange(n), end - length, end, self.target, self.label, context)
        shape = Shape((len(self.items), CATEGORIES), (), length, 0)
        return Sequences(shape, self.items, Behaviours(self.history.ravel()), samples)


def _drawn(draw: np.random.Generator, n_items: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Items 1 .. n - 1, uniform in the logarithm of their rank for half of the draws, uniform for the others."""
    popular = np.exp(draw.random(shape) * np.log(n_items - 1)).astype(np.int32)
    uniform = draw.integers(1, n_items, shape, dtype=np.int32)
    return np.where(draw.random(shape) < 0.5, np.clip(popular, 1, n_items - 1), uniform)
