"""One negative for each positive, drawn once, kept in a file with checksums: the same for every model and machine.

A negative is an item of which the user has no event at all, drawn with a probability that follows its popularity, so
that popularity alone tells nothing of the label. Draws are hashes of (seed, row), so the file can be made anew to the
same bytes; a file that was drawn for other data, or changed since, is refused.
"""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.errors import InvalidFeatures, UnreadableInput

SMOOTHING: Final = 0.1
"""Added to every count, so that items never met in training may be drawn, too."""
_TRIES: Final = 1000

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Positives:
    """For whom negatives are drawn.

    Attributes:
        user: of each positive.
        group: whose weights it is drawn with.
        weights: [groups, items], not negative; an item of weight 0 is never drawn.
        owned_user, owned_item: every event of every user, future ones included: these items are no negatives of hers.
    """

    user: Ints
    group: Ints
    weights: Floats
    owned_user: Ints
    owned_item: Ints

    def checksum(self) -> str:
        """Returns what the negatives depend on, as 32 hexadecimal digits."""
        return digest(self.user, self.group, self.weights, self.owned_user, self.owned_item)


def digest(*columns: NDArray[np.generic]) -> str:
    """Returns a checksum of arrays: their types, shapes and bytes."""
    state = blake2b(digest_size=16)
    for column in columns:
        state.update(f"{column.dtype.str}{column.shape}".encode())
        state.update(np.ascontiguousarray(column).tobytes())
    return state.hexdigest()


def negatives(path: Path, positives: Positives, seed: int) -> Ints:
    """Returns the negatives of a file; if there is none, draws them and writes it.

    Raises:
        UnreadableInput: for a file of other data or another seed, a changed one, or something else.
    """
    if path.exists():
        return _read(path, positives, seed)
    item = draw(positives, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        np.savez_compressed(file, item=item, seed=seed, data=positives.checksum(), checksum=digest(item))
    beside.replace(path)
    return item


def draw(positives: Positives, seed: int) -> Ints:
    """Returns one negative for each positive. Whoever draws an item of her own draws again.

    Raises:
        InvalidFeatures: for weights that are negative, or a user who owns nearly all that could be drawn.
    """
    if (positives.weights < 0).any():
        raise InvalidFeatures("got negative weights of items, expected 0 or more")
    n_items = positives.weights.shape[1]
    owned = np.unique(positives.owned_user * n_items + positives.owned_item)
    cumulative = np.cumsum(positives.weights, axis=1)
    item = np.full(len(positives.user), -1, dtype=np.int64)
    left = np.arange(len(item))
    for attempt in range(_TRIES):
        if not len(left):
            return item
        chance = draws.uniform(seed, left, attempt, "negative")
        for group in np.unique(positives.group[left]):
            mine = positives.group[left] == group
            total = cumulative[group]
            item[left[mine]] = np.searchsorted(total, chance[mine] * total[-1], side="right")
        drawn = positives.user[left] * n_items + item[left]
        left = left[owned[np.minimum(np.searchsorted(owned, drawn), len(owned) - 1)] == drawn]
    raise InvalidFeatures(
        f"got {len(left)} positives without a negative after {_TRIES} draws, first of user "
        f"{positives.user[left[0]]}; her own items are nearly all that could be drawn: leave her out"
    )


def _read(path: Path, positives: Positives, seed: int) -> Ints:
    try:
        with np.load(path, allow_pickle=False) as file:
            item: Ints = file["item"]
            data, checksum, drawn = str(file["data"]), str(file["checksum"]), int(file["seed"])
    except Exception as error:  # a damaged archive may raise nearly anything
        raise UnreadableInput(f"got {path}, which is no file of negatives ({error}); delete it to draw anew") from error
    if (data, drawn) != (positives.checksum(), seed):
        raise UnreadableInput(
            f"got {path}, drawn with seed {drawn} for data {data}, expected seed {seed} and data "
            f"{positives.checksum()}; it belongs to other rows: delete it to draw anew, or restore the data"
        )
    if digest(item) != checksum:
        raise UnreadableInput(f"got {path}, whose negatives were changed since they were drawn; delete it to draw anew")
    return item
