"""Where scores come from while an engine runs: the models in force. Scores on record are read in `logged_scores.py`;
the steps never know which of the two speaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from tactful.decision.candidates.eligibility import live
from tactful.decision.policy.utility import HEADS
from tactful.decision.request import Person, Request, Scores
from tactful.errors import InvalidScores
from tactful.features import ranking
from tactful.features.history import N_CHANNELS, take
from tactful.features.ranking import RankInputs
from tactful.features.slot_past import SlotPast, nobody
from tactful.models.protocol import RANK_HEADS, ClickModel, RankModel, SlotModel, SlotScores, UnsubscribeModel
from tactful.runtime import preranking
from tactful.runtime.steps import PlanRequest

Versions: TypeAlias = Sequence[tuple[int, str]]
"""(instant in µs, version): which models speak from each instant on, rising. The first also speaks before its own."""


@runtime_checkable
class Scorer(Protocol):
    """Answers the two requests that need a model, for many users at once."""

    @property
    def version(self) -> str:
        """What decisions name as their model version; of several, the last one's."""
        ...

    @property
    def versions(self) -> Versions:
        """Who speaks when. No request reaches over an instant at which that changes."""
        ...

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns where each user's activity falls on her day, and what a send in each slot is worth."""
        ...

    def scores(self, request: Request) -> Scores:
        """Returns the heads of every (candidate, channel)."""
        ...


def version_at(versions: Versions, at_us: int) -> str:
    """Returns who speaks at an instant.

    >>> [version_at(((0, "a"), (5, "b")), at_us) for at_us in (-1, 4, 5)]
    ['a', 'a', 'b']
    """
    return [version for since_us, version in versions if since_us <= max(at_us, versions[0][0])][-1]


def of_messages(version: str) -> str:
    """Returns the part of a version that names who scores messages.

    >>> of_messages("0011aabb-22ccddee")
    '22ccddee'
    """
    return version.partition("-")[2]


@dataclass(frozen=True)
class LiveScorer:
    """Scores with loaded models. Every row is scored by itself, so the batch's shape does not matter.

    With a rank model, that one says all heads of a message; the click and the unsubscribe model are not asked. The
    slot and the rank model are tried at once on a person of whom nothing is known: one that reads what is not kept, or
    says what nobody can use, is refused here, and not at the first plan.

    Raises:
        InvalidModel: a model reads what an engine does not keep.
        InvalidScores: it says NaN, or fails.
    """

    slot_model: SlotModel
    click_model: ClickModel
    unsubscribe_model: UnsubscribeModel
    rank_model: RankModel | None = None

    def __post_init__(self) -> None:
        _foretold(self.slot_model, nobody())
        if self.rank_model is not None:
            _ranked(self.rank_model, ranking.nobody())

    @property
    def version(self) -> str:
        """The version of the slot model, then those of the models of messages, joined."""
        of_messages = (self.rank_model,) if self.rank_model else (self.click_model, self.unsubscribe_model)
        return "-".join(m.version[:8] for m in (self.slot_model, *of_messages))

    @property
    def versions(self) -> Versions:
        """One for all times."""
        return ((0, self.version),)

    def slots(self, keys: UInt64[np.ndarray, " n"], request: PlanRequest) -> SlotScores:
        """Returns what the slot model foretells.

        Raises:
            InvalidScores: for NaN, an infinite or a negative number.
        """
        return _foretold(self.slot_model, request.past)

    def scores(self, request: Request) -> Scores:
        """Returns the rank model's heads, else click and unsubscribe probabilities.

        The mean unsubscribe is over the channels on which she can be reached, and over her candidates where they
        differ. The rank model is not asked about jobs that are not open: all that is said of them is 0.

        Raises:
            InvalidScores: the rank model fails, or says another shape, NaN, or what is no probability.
        """
        reach = _reach(request.person)
        if self.rank_model is not None:
            if request.open is not None and not request.open.all():
                return self._of_open(request, request.open)
            values, ranked = self._asked(self.rank_model, request, reach)
            asked = request.pool.present if ranked is None else live(request.pool) & ranked
            options = asked[:, :, None] & reach[:, None, :]
            return Scores(RANK_HEADS, values, _mean(values[..., RANK_HEADS.index("unsubscribe")], options), ranked)
        click, person = self._click(request), request.person
        leave = self.unsubscribe_model.unsubscribe(person.sent_7d_channel)
        values = np.stack([click, np.broadcast_to(leave[:, None, :], click.shape)], axis=3)
        return Scores(HEADS, values, _mean(leave[:, None, :], reach[:, None, :]))

    def _of_open(self, request: Request, open_: Bool[np.ndarray, " n"]) -> Scores:
        """The scores of a request of which only some jobs are open."""
        rows, (n, c) = np.flatnonzero(open_), request.pool.present.shape
        values, mean = np.zeros((n, c, N_CHANNELS, len(RANK_HEADS))), np.zeros(n)
        ranked = np.zeros((n, c), dtype=np.bool_) if request.most_ranked else None
        if len(rows):
            some = self.scores(_of_jobs(request, rows))
            values[rows], mean[rows] = some.values, some.mean_unsubscribe
            if ranked is not None:
                ranked[rows] = some.ranked
        return Scores(RANK_HEADS, values, mean, ranked)

    def _click(self, request: Request) -> Float[np.ndarray, "n c h"]:
        person, pool = request.person, request.pool
        return self.click_model.click(
            np.where(pool.present, pool.type, -1),
            pool.match,
            pool.recency,
            person.n_sends.astype(np.float64),
            person.n_clicks.astype(np.float64),
        )

    def _asked(
        self, model: RankModel, request: Request, reach: Bool[np.ndarray, "n h"]
    ) -> tuple[Float[np.ndarray, "n c h heads"], Bool[np.ndarray, "n c"] | None]:
        """What the rank model says of all candidates, or of those that the click model picks; and of which."""
        most, c = request.most_ranked, request.pool.present.shape[1]
        if not most:
            return _ranked(model, request.inputs), None
        places = preranking.best_places(self._click(request), reach, request.pool, most)
        return preranking.spread(_ranked(model, preranking.only(request.inputs, places)), places, c)


def _of_jobs(request: Request, rows: Int[np.ndarray, " m"]) -> Request:
    """The request for some of its jobs."""
    person, pool = take(request.person, rows), take(request.pool, rows)
    return Request(person, pool, lambda some: request.inputs_of(rows[some]), request.most_ranked)


def _reach(person: Person) -> Bool[np.ndarray, "n h"]:
    open_to = (person.reachable & ~person.blocked)[:, None] & (1 << np.arange(N_CHANNELS))
    reach: Bool[np.ndarray, "n h"] = open_to != 0
    return reach


def _mean(p: Float[np.ndarray, "n c h"], of: Bool[np.ndarray, "n c h"]) -> Float[np.ndarray, " n"]:
    """Each row's mean over its options, 0 without any: added one after the other, so that padding changes no bit."""
    n = len(p)
    total = np.cumsum(np.where(of, p, 0.0).reshape(n, -1), axis=1)[:, -1]
    mean: Float[np.ndarray, " n"] = total / np.maximum(of.reshape(n, -1).sum(axis=1), 1)
    return mean


def _ranked(model: RankModel, inputs: RankInputs) -> Float[np.ndarray, "n c h heads"]:
    """What the model says, checked: a decision that rests on NaN would be a decision on nothing."""
    try:
        said = model.rank(inputs)
    except Exception as error:  # a trained model may fail in any way
        raise InvalidScores(
            f"rank model {model.version} failed on {len(inputs.user)} jobs ({type(error).__name__}: {error}); "
            "put another model in force"
        ) from error
    expected = (*inputs.present.shape, N_CHANNELS, len(RANK_HEADS))
    if said.shape != expected:
        raise InvalidScores(
            f"got scores of the shape {said.shape} from rank model {model.version}, expected {expected}; "
            "put another model in force"
        )
    if not (said.min(initial=0.0) >= 0.0 and said.max(initial=0.0) <= 1.0):  # false also for NaN
        row, _, _, head = np.argwhere(~((said >= 0.0) & (said <= 1.0)))[0].tolist()
        raise InvalidScores(
            f"got NaN or a number outside 0..1 as {RANK_HEADS[head]} from rank model {model.version}, row {row}, "
            "expected probabilities; put another model in force, and see what that one learned from"
        )
    return said.astype(np.float64, copy=False)


def _foretold(model: SlotModel, past: SlotPast) -> SlotScores:
    """What the model says, checked: a plan that rests on NaN would be a plan of nothing."""
    scores = model.foretell(past)
    for what, numbers in (("profile", scores.profile), ("weights", scores.weight)):
        if numbers.shape != past.counts.shape:
            raise InvalidScores(
                f"got {what} of the shape {numbers.shape} from slot model {model.version}, expected {past.counts.shape}"
            )
        if not (numbers.min(initial=0.0) >= 0.0 and numbers.max(initial=0.0) < np.inf):  # false also for NaN
            row = int(np.argmax(~((numbers >= 0.0) & (numbers < np.inf)).all(axis=1)))
            raise InvalidScores(
                f"got NaN, an infinite or a negative number in the {what} of slot model {model.version}, row {row}, "
                "expected finite numbers >= 0; take another model, and see what that one learned from"
            )
    return scores
