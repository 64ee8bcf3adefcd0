"""A data set as the response models see it, and which ones there are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.models.sequence import Shape
from tactful.training.histories import Behaviours, Samples, gap_edges
from tactful.training.sequences import Sequences
from tactful.training.vocabulary import vocabulary

Ints = NDArray[np.int64]
LENGTH: Final = 50
GAPS: Final = 10
"""Bins of time, as in the paper (4.4)."""


@dataclass(frozen=True, eq=False)
class ResponseData:
    """Rows to learn from, to choose by, and to be judged on, over the same behaviours.

    Attributes:
        name: of the data set and its protocol.
        fields, context: names of the columns of the shape.
        category: which item field is the category whose correlation with the target is measured.
        checksum: of the rows, negatives included; cells of different rows cannot be compared.
    """

    name: str
    fields: tuple[str, ...]
    context: tuple[str, ...]
    category: int
    train: Sequences
    validation: Sequences
    test: Sequences
    checksum: str

    @property
    def shape(self) -> Shape:
        """The columns' sizes."""
        return self.train.shape

    def share(self, of_users: float, seed: int = 0) -> "ResponseData":
        """Returns the rows of a share of the users, drawn by hash: to tune on. The test is left empty."""
        train, validation = (_users(part, of_users, seed) for part in (self.train, self.validation))
        return replace(self, train=train, validation=validation, test=self.test.take(np.empty(0, dtype=np.int64)))


def assemble(
    name: str,
    fields: tuple[str, ...],
    context: tuple[str, ...],
    category: int,
    items: Ints,
    behaviours: Behaviours,
    parts: tuple[Samples, Samples, Samples],
    checksum: str,
    zone: str | None = None,
    length: int = LENGTH,
) -> ResponseData:
    """Returns the data set of raw columns: vocabularies and bins of time are fitted on the training rows alone.

    Args:
        name, fields, context, category, checksum: as in `ResponseData`.
        items: raw ids of every item's fields; row 0 is the item that is not known.
        behaviours: of all users.
        parts: training, validation and test, their context as raw ids.
        zone: whose clock the times are shown on; None where there are no times to encode.
        length: the longest history.
    """
    train = parts[0]
    met = np.bincount(train.target, minlength=len(items)) + _read(behaviours, train, length, len(items))
    met[0] = 0
    ids, sizes = vocabulary(items, met)
    ids[0] = 0
    raw = np.concatenate([part.context for part in parts])
    codes, context_sizes = vocabulary(raw, (np.arange(len(raw)) < len(train)).astype(np.int64))
    coded = np.split(codes, np.cumsum([len(part) for part in parts])[:-1])
    edges = gap_edges(behaviours, train, length, GAPS) if zone is not None else np.empty(0, dtype=np.int64)
    shape = Shape(sizes, context_sizes, length, len(edges) + 1 if zone is not None else 0)
    learn, choose, judge = (
        Sequences(shape, ids, behaviours, replace(part, context=column), edges.tolist(), zone or "UTC")
        for part, column in zip(parts, coded, strict=True)
    )
    return ResponseData(name, fields, context, category, learn, choose, judge, checksum)


def first_of_user(user: Ints) -> Ints:
    """Returns for each event the place of its user's first; users lie one after the other."""
    begins = np.flatnonzero(np.diff(user, prepend=user[0] - 1))
    return np.repeat(begins, np.diff(begins, append=len(user)))


def known_before(who: Ints, when: Ints, user: Ints, at_us: Ints) -> tuple[Ints, Ints]:
    """Returns where the behaviours begin and end that each user had strictly before an instant.

    Args:
        who, when: of the behaviours, sorted by both.
        user, at_us: of the samples.
    """
    times = np.concatenate([when, at_us])
    base, span = times.min(), np.ptp(times) + 1  # small enough that a user's number times the span is no overflow
    key = who * span + (when - base)
    start, end = np.searchsorted(who, user), np.searchsorted(key, user * span + (at_us - base))
    return start.astype(np.int64), end.astype(np.int64)


def paired(user: Ints, start: Ints, item: Ints, target: Ints, negative: Ints, at_us: Ints | None = None) -> Samples:
    """Returns positives, then their negatives, each after the events before its target and at its instant.

    Args:
        user, start, item, at_us: of all events: whose, the place of her first, what, and when.
        target: places of the positives.
        negative: an item for each of them.
    """
    twice = np.concatenate([target, target])
    return Samples(
        user=user[twice],
        start=start[twice],
        end=twice,
        target=np.concatenate([item[target], negative]).astype(np.int32),
        label=np.repeat(np.array([1.0, 0.0], dtype=np.float32), len(target)),
        context=np.empty((len(twice), 0), dtype=np.int32),
        at_us=None if at_us is None else at_us[twice],
    )


def _read(behaviours: Behaviours, samples: Samples, length: int, n_items: int) -> Ints:
    """How often each item stands in a history to learn from, each behaviour counted once."""
    begins = np.maximum(samples.start, samples.end - length)
    step = np.zeros(len(behaviours.item) + 1, dtype=np.int64)
    np.add.at(step, begins, 1)
    np.add.at(step, samples.end, -1)
    seen = np.cumsum(step)[:-1] > 0
    return np.bincount(behaviours.item[seen], minlength=n_items)


def _users(part: Sequences, share: float, seed: int) -> Sequences:
    chosen = draws.uniform(seed, part.samples.user, 0, "users to tune on") < share
    return part.take(np.flatnonzero(chosen))


DATA: Final[Mapping[str, str]] = {
    "toys": "responses.toys:load",
    "toys_uniform": "responses.toys:load_uniform",
    "kuairand": "responses.kuairand:load",
    "globo": "responses.globo:load",
    "amazon": "responses.amazon:load",
    "alibaba": "responses.alibaba:load",
}
"""Which function loads a data set: `load(folder of data sets, scratch folder for negatives)`."""


def load(name: str, folder: Path, scratch: Path) -> ResponseData:
    """Returns a data set by name; files of negatives are kept in the scratch folder."""
    module, function = DATA[name].split(":")
    made: ResponseData = getattr(import_module(module), function)(folder, scratch)
    return made
