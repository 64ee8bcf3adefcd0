"""Rank jobs of a simulated app as `tactful evaluate` reads them from a store, and what the world knows of each option.

Everything here is *simulated*. The truth of a message is the world's own chance that it is clicked, or makes its reader
leave, in the state in which the job ran; it is asked for by this recipe only, never by what is judged.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful.clock import DAY_US
from tactful.decision.policy import channel, explore
from tactful.decision.policy.channel import Choice
from tactful.decision.request import Request, Scores, Thresholds
from tactful.events.records import KINDS
from tactful.features.join import Touches
from tactful.models.protocol import RANK_HEADS
from tactful.runtime.steps import Outcome
from tactful.simulator.closed_loop import Loop
from tactful.simulator.columns import joined
from tactful.simulator.protocol import TICK_US, EngagementColumns, SendColumns
from tactful.simulator.tally import Tally
from tactful.training.evaluation.jobs import Jobs
from tactful.training.ranking.random_choices import RandomChoices

Columns: TypeAlias = dict[str, NDArray[Any]]

RANDOM: Final = explore.BUCKETS.index("random_send")
_A_TICK: Final = 1_000_000
WIDEST: Final = 48
"""Options of a job: sixteen places on three channels at most."""
HEADS: Final = ("click", "unsubscribe")
_ANSWERS: Final = {"click": ("click",), "unsubscribe": ("unsubscribe", "disable")}


class JobTally(Tally):
    """Keeps the jobs at which something ranked could be sent, and a price or a bucket decided."""

    def __init__(self, loop: Loop, days: int) -> None:
        """Listens for `days` in a loop's world."""
        types = loop.world.types
        world_type = [types.index(name) if name in types else -1 for name in loop.registry.names]
        super().__init__(loop.at_us, days, np.array(world_type))
        self._world, self._rank = loop.world, loop.registry.columns().channel_rank
        self._decisions = loop.tick * _A_TICK  # no number twice, however often another day is begun
        self.parts: list[Columns] = []

    def ranked(
        self, rows: NDArray[np.int64], request: Request, scores: Scores, outcome: Outcome, controls: Thresholds
    ) -> None:
        """Keeps options as columns: those that there are first."""
        super().ranked(rows, request, scores, outcome, controls)
        verdict, person = outcome.verdict, request.person
        i = np.flatnonzero((verdict.best > -np.inf).any(axis=1))
        if not len(i):
            return
        n, c, h = len(i), *verdict.feasible.shape[1:]
        flat = verdict.feasible[i].reshape(n, c * h)
        key = np.broadcast_to(request.pool.key[i][:, :, None], (n, c, h)).reshape(n, c * h)
        rank = self._rank[np.where(request.pool.present[i], request.pool.type[i], 0)].reshape(n, c * h)
        place = np.lexsort((rank, key, ~flat), axis=1)[:, :WIDEST]  # of equal surpluses the first is taken
        present = np.take_along_axis(flat, place, axis=1)
        candidate, where, here = place // h, place % h, np.arange(n)[:, None]
        prices = {name: getattr(controls, name)[person.arm[i], person.segment[i]][here, where]
                  for name in ("low", "mid", "high")}  # fmt: skip
        sent = np.where(verdict.sends[i], verdict.candidate[i] * h + verdict.channel[i], -1)
        found = {
            "user": rows[i],
            "at_us": person.now_us[i],
            "segment": person.segment[i],
            "bucket": person.bucket[i].astype(np.int64),
            "spent": person.forced_today[i],
            "p_organic": person.p_organic[i],
            "mean_unsubscribe": scores.mean_unsubscribe[i],
            "active_today": person.active_today[i],
            "probability": verdict.probability[i],
            "present": present,
            "sent": np.where(sent >= 0, (place == sent[:, None]).argmax(axis=1), -1),
            "utility": np.where(present, np.take_along_axis(verdict.utilities[i].reshape(n, -1), place, axis=1), 0.0),
            "score": np.where(present[:, :, None], scores.values[i][here, candidate, where], 0.0),
            "truth": self._truth(rows, request, i, candidate, where, verdict.sends[i] & (person.bucket[i] == RANDOM)),
            "candidate": request.pool.offset[i][here, candidate],
            **prices,
        }
        self.parts.append({name: _wide(value) for name, value in found.items()})

    def _truth(
        self,
        rows: NDArray[np.int64],
        request: Request,
        jobs: NDArray[np.int64],
        candidate: NDArray[np.int64],
        where: NDArray[np.int64],
        drawn: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """The world's chance of a click, and of leaving, for each option of the random sends; 0 elsewhere."""
        found, mine = np.zeros((*candidate.shape, 2)), jobs[drawn]
        if not len(mine):
            return found
        pool, wide = request.pool, candidate.shape[1]
        candidate, here = candidate[drawn], mine[:, None]
        sends = SendColumns(
            user=np.repeat(rows[mine], wide),
            at_us=np.repeat(request.person.now_us[mine], wide),
            channel=where[drawn].reshape(-1).astype(np.int8),
            type=self._world_type[pool.type[here, candidate]].reshape(-1).astype(np.int16),
            category=pool.category[here, candidate].reshape(-1).astype(np.int32),
            quality=pool.quality[here, candidate].reshape(-1).astype(np.float32),
            candidate=pool.offset[here, candidate].reshape(-1),
            decision=np.zeros(len(mine) * wide, dtype=np.int64),
        )
        truth = self._world.truth()
        chances = (truth.click_probability(sends), truth.leave_probability(sends))
        found[drawn] = np.stack(chances, axis=1).reshape(len(mine), wide, 2)
        return found


@dataclass(frozen=True, eq=False)
class Lived:
    """Days of a loop: its jobs by column, what was sent, and what people did."""

    column: Columns
    sends: SendColumns
    seen: EngagementColumns
    until_us: int

    def touches(self) -> Touches:
        """Returns what people did as engagements of a log."""
        column = {name: getattr(self.seen, name).astype(np.int64) for name in ("user", "at_us", "kind", "channel")}
        return Touches(**column, decision=np.zeros(len(self.seen.user), dtype=np.uint64))

    def jobs(self, shares: tuple[float, float, float, float]) -> Jobs:
        """Returns the jobs as of a store, without the days whose chances are not those that were decided by."""
        column = self.column
        n = len(column["user"])
        low, mid, high = (_choice(column, name) for name in ("low", "mid", "high"))
        place = np.where(column["sent"] >= 0, 0, -1)
        by_bucket = explore.action_probability(
            column["sent"], place, low, high, mid, column["present"][:, :, None], column["spent"]
        )
        same = np.isclose(by_bucket[np.arange(n), column["bucket"]], column["probability"], atol=1e-9)
        assert same.mean() > 0.999, f"chances of {1 - same.mean():.2%} of the jobs differ from those decided by"
        arrays = {name: column[name] for name in ("user", "at_us", "utility", "low", "mid", "high", "present", "sent",
                                                  "bucket")}  # fmt: skip
        found = Jobs(
            **arrays, decision=np.zeros(n, dtype=np.uint64), type_name=("",) * n,
            channel=np.zeros(n, dtype=np.int64), by_bucket=by_bucket, left_out=0,
        )  # fmt: skip
        return found.only(np.lexsort((column["at_us"], column["user"])))

    def choices(self) -> tuple[RandomChoices, NDArray[np.float64]]:
        """Returns the random sends with what came of them, and the truth of each option by reward.

        Those of the last day are left out, for some of their answers are still to come.
        """
        answered = self.column["at_us"] + DAY_US <= self.until_us
        rows = np.flatnonzero((self.column["bucket"] == RANDOM) & (self.column["sent"] >= 0) & answered)
        mine = {name: value[rows] for name, value in self.column.items()}
        label = np.zeros((len(rows), len(RANK_HEADS)), dtype=np.bool_)
        candidate = mine["candidate"][np.arange(len(rows)), mine["sent"]]
        for head, kinds in _ANSWERS.items():
            label[:, RANK_HEADS.index(head)] = self._answered(candidate, kinds)
        choices = RandomChoices(
            heads=HEADS, scores=mine["score"], present=mine["present"], sent=mine["sent"], user=mine["user"],
            segment=mine["segment"], p_organic=mine["p_organic"], mean_unsubscribe=mine["mean_unsubscribe"],
            active_today=mine["active_today"], label=label, known=np.ones_like(label),
        )  # fmt: skip
        return choices, mine["truth"]

    def _answered(self, candidate: NDArray[np.int64], kinds: tuple[str, ...]) -> NDArray[np.bool_]:
        """Whether each candidate, which goes out once, was answered so."""
        answered = np.isin(self.seen.kind, [KINDS.index(kind) for kind in kinds]) & (self.seen.decision >= 0)
        decision = np.isin(self.sends.decision, self.seen.decision[answered])
        return np.isin(candidate, self.sends.candidate[decision])


def lived(loop: Loop, days: int) -> Lived:
    """Lives through `days`."""
    tally, sends, seen = JobTally(loop, days), [], []
    for _ in range(days * DAY_US // TICK_US):
        sent, _, did = loop.live(tally)
        sends.append(sent)
        seen.append(did)
    names = tally.parts[0]
    column = {name: np.concatenate([part[name] for part in tally.parts]) for name in names}
    return Lived(column, joined(sends), joined(seen), loop.at_us)


def _wide(value: NDArray[Any]) -> NDArray[Any]:
    """Columns of options padded to the same width."""
    if value.ndim == 1:
        return value
    room = [(0, 0), (0, WIDEST - value.shape[1]), *[(0, 0)] * (value.ndim - 2)]
    return np.pad(value, room)


def _choice(column: Columns, price: str) -> Choice:
    """What the engine would do at a price: its own rule on options that lie in a row."""
    n, m = column["utility"].shape
    order = np.broadcast_to(np.arange(m, dtype=np.uint64), (n, m))
    surplus, rank = (column["utility"] - column[price])[:, :, None], np.zeros((n, m, 1), dtype=np.int64)
    return channel.choose(surplus, np.zeros((n, 1)), column["present"][:, :, None], order, rank)
