"""What models foretell of two senders, person by person; and what the other sender's log can say of the models."""

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.interval import Interval
from tactful.experiments.stats import bootstrap, ratio
from tactful.runtime.shadowing.found import Beside, Message

_SEED: Final = 0
_FEWEST: Final = 2
"""People, to know a spread."""


class Foretold(msgspec.Struct, frozen=True):
    """One head over all messages: expected a user and week, and of 1,000 messages; differences are ours less theirs.

    Intervals are 95 % over people, each with both of her sums. They say how much people differ, not how wrong models
    may be. `of_1000` is None where one of the two sent too little.
    """

    head: str
    they_a_week: float
    we_a_week: float
    difference: Interval
    they_of_1000: float
    we_of_1000: float
    of_1000: Interval | None


class Checked(msgspec.Struct, frozen=True):
    """What the other sender's log says happened after its messages, of 1,000, against what models foretold of them."""

    head: str
    messages: int
    happened: Interval
    foretold: float

    @property
    def fits(self) -> bool:
        """Whether the foretold share lies in the interval of what happened."""
        return self.happened.low <= self.foretold <= self.happened.high


def sends_a_week(found: Beside) -> tuple[float, float, Interval]:
    """Returns theirs and ours a user and week, and the difference with its interval over people.

    Raises:
        InvalidExperiment: for fewer than two people.
    """
    sums, weeks = _sums(found, lambda one: 1.0), _weeks(found)
    they, we = (sums.sum(axis=0) / (len(sums) * weeks)).tolist()
    return they, we, _scaled(ratio(sums[:, 1] - sums[:, 0], np.full(len(sums), weeks)), 1.0)


def foretold(found: Beside) -> tuple[Foretold, ...]:
    """Returns what is expected of both, by head, of the messages of which something could be foretold.

    Raises:
        InvalidExperiment: for fewer than two people.
    """
    sent, weeks = _sums(found, lambda one: float(bool(one.foretold))), _weeks(found)
    told = []
    for place, head in enumerate(found.heads):
        sums = _sums(found, partial(_score, place))
        they, we = (sums.sum(axis=0) / (len(sums) * weeks)).tolist()
        share = np.divide(sums.sum(axis=0), sent.sum(axis=0), out=np.zeros(2), where=sent.sum(axis=0) > 0).tolist()
        told.append(
            Foretold(
                head=head,
                they_a_week=they,
                we_a_week=we,
                difference=ratio(sums[:, 1] - sums[:, 0], np.full(len(sums), weeks)),
                they_of_1000=1000.0 * share[0],
                we_of_1000=1000.0 * share[1],
                of_1000=_of_1000(np.hstack([sums, sent])),
            )
        )
    return tuple(told)


def checked(found: Beside) -> tuple[Checked, ...]:
    """Returns what happened after their messages against what was foretold of the same ones, where the log says it."""
    answers = []
    for head, deed in (("click", "clicked"), ("unsubscribe", "unsubscribed")):
        told = [
            (one, bool(getattr(sent, deed)))
            for one, sent in zip(found.theirs, found.sent, strict=True)
            if getattr(sent, deed) is not None and one.foretold
        ]
        people = {one.user_id: row for row, one in enumerate({each.user_id: each for each, _ in told}.values())}
        if head not in found.heads or len(people) < _FEWEST:
            continue
        sums = np.zeros((len(people), 2))
        row = np.array([people[one.user_id] for one, _ in told])
        np.add.at(sums[:, 0], row, [float(did) for _, did in told])
        np.add.at(sums[:, 1], row, 1.0)
        place = found.heads.index(head)
        expected = 1000.0 * float(np.mean([one.foretold[place] for one, _ in told]))
        answers.append(Checked(head, len(told), _scaled(ratio(sums[:, 0], sums[:, 1]), 1000.0), expected))
    return tuple(answers)


def _weeks(found: Beside) -> float:
    return (found.last_day - found.first_day + 1) / 7.0


def _sums(found: Beside, value: Callable[[Message], float]) -> Float[np.ndarray, "people 2"]:
    """What each person's messages sum to, theirs and ours."""
    names = sorted({one.user_id for one in (*found.theirs, *found.ours)})
    row_of = {name: row for row, name in enumerate(names)}
    sums = np.zeros((max(found.people, len(names)), 2))
    for column, messages in enumerate((found.theirs, found.ours)):
        rows = np.array([row_of[one.user_id] for one in messages], dtype=np.int64)
        np.add.at(sums[:, column], rows, [value(one) for one in messages])
    return sums


def _score(place: int, one: Message) -> float:
    return one.foretold[place] if one.foretold else 0.0


def _of_1000(sums: Float[np.ndarray, "people 4"]) -> Interval | None:
    """The difference of shares of 1,000 messages; columns are theirs and ours of a head, then of messages."""
    if not (sums[:, 2].any() and sums[:, 3].any()):
        return None
    try:
        return bootstrap(sums, _shares_apart, np.random.default_rng(_SEED))
    except InvalidExperiment:  # some resample has no message of one of them
        return None


def _shares_apart(total: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1000.0 * (total[..., 1] / total[..., 3] - total[..., 0] / total[..., 2]))


def _scaled(told: Interval, by: float) -> Interval:
    return Interval(by * told.value, by * told.low, by * told.high)
