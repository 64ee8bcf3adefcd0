"""What a population decides, as rows of a store: filed in memory until whoever runs it takes them.

Texts that a message needs, of its candidate and of its person's profile, are fetched by their offsets in the log.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tactful import draws
from tactful.clock import to_us
from tactful.decision.reasons import REASON_CODE
from tactful.decision.request import Request, Scores, Thresholds
from tactful.events.records import encode
from tactful.features.history import POOL
from tactful.features.pool import CandidateRows
from tactful.models.protocol import SlotScores
from tactful.runtime import logbook
from tactful.runtime.control import Epoch
from tactful.runtime.entering import Entrance
from tactful.runtime.outgoing import Send, messages, told
from tactful.runtime.scoring import Scorer, version_at
from tactful.runtime.settings import Settings
from tactful.runtime.steps import DayPlan, Outcome, PlanRequest
from tactful.stores.protocols import BudgetRow, DecisionRow, OutboxRow, PlanRow

ACTION_CODE: Final = {"send": 0, "hold": 1, "drop": 2}
Fetch: TypeAlias = Callable[[Sequence[int]], Mapping[int, bytes]]
"""Returns logged bytes by their offsets."""


@dataclass
class Filed:
    """What was made since the last look."""

    decisions: list[logbook.Logged] = field(default_factory=list)
    plans: list[PlanRow] = field(default_factory=list)
    budgets: list[BudgetRow] = field(default_factory=list)
    messages: list[OutboxRow] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)

    def in_order(self) -> list[logbook.Logged]:
        """Returns the decisions by instant, user and key, however they were batched."""
        return sorted(self.decisions, key=lambda d: (d.at_us, d.user_key, d.key))


def decision_rows(made: Sequence[logbook.Logged]) -> list[DecisionRow]:
    """Returns decisions as rows of a store."""
    return [DecisionRow(d.key, d.user_key, d.at_us, ACTION_CODE[d.record.action], encode(d.record)) for d in made]


def step_counts(rows: Sequence[DecisionRow]) -> dict[str, int]:
    """Returns what a step that made these decisions adds to the counters of operation, in every runtime.

    >>> step_counts([DecisionRow(1, 2, 3, 0, b""), DecisionRow(4, 5, 6, 0, b"")])
    {'engine.micro_batches': 1, 'engine.decisions.send': 2}
    """
    made = Counter(row.action_code for row in rows)
    by_action = {f"engine.decisions.{action}": made[code] for action, code in ACTION_CODE.items() if made[code]}
    return {"engine.micro_batches": 1} | by_action


class Filing:
    """Listens to a population, and files.

    Attributes:
        filed: what was made since `taken`.
    """

    def __init__(self, entrance: Entrance, settings: Settings, fetch: Fetch) -> None:
        """Files nothing yet; `fetch` knows candidates in the pools, and profiles."""
        self._entrance, self._settings, self._fetch = entrance, settings, fetch
        self._population = entrance.population
        self.filed = Filed()

    def taken(self) -> Filed:
        """Returns what was made since the last call."""
        made, self.filed = self.filed, Filed()
        return made

    def planned(self, rows: NDArray[np.int64], request: PlanRequest, scores: SlotScores, plan: DayPlan) -> None:
        """Files the day's plans, and budgets that were drawn at random."""
        table = self._population.table.rows
        users = table["user_key"][rows].tolist()
        for user, record in zip(users, logbook.plans(rows, request, scores, plan, self._names()), strict=True):
            self.filed.plans.append(PlanRow(user, record.day, to_us(record.at), encode(record)))
        for drawn in logbook.drawn_budgets(rows, request, table, self._entrance.user_ids):
            row = BudgetRow(draws.key(drawn.user_id), drawn.period, to_us(drawn.at), encode(drawn))
            self.filed.budgets.append(row)

    def ranked(
        self, rows: NDArray[np.int64], request: Request, scores: Scores, outcome: Outcome, controls: Thresholds
    ) -> None:
        """Files decisions, and the messages of those to send."""
        names = self._names(self._population.scorer_of(rows))
        made = logbook.decisions(rows, request, scores, outcome, controls, names, self._settings)
        self.filed.decisions.extend(made)
        sent = np.flatnonzero(outcome.verdict.sends)
        if len(sent):
            self._send(sent, rows, request, outcome, made)

    def _send(
        self,
        sent: NDArray[np.int64],
        rows: NDArray[np.int64],
        request: Request,
        outcome: Outcome,
        made: Sequence[logbook.Logged],
    ) -> None:
        state = self._population.table.rows
        candidates = request.pool.offset[sent, outcome.verdict.candidate[sent]].tolist()
        profiles = state["profile_offset"][rows[sent]].tolist()
        data = self._fetch([*candidates, *profiles])
        sends = []
        for i, candidate_at, profile_at in zip(sent.tolist(), candidates, profiles, strict=True):
            c, row = int(outcome.verdict.candidate[i]), int(rows[i])
            candidate, items = told(data[candidate_at], state[row : row + 1], made[i].at_us)
            sends.append(
                Send(
                    decision=made[i].record,
                    decision_key=made[i].key,
                    user_key=made[i].user_key,
                    at_us=made[i].at_us,
                    profile_offset=profile_at,
                    candidate=candidate,
                    items=items,
                    candidate_log_us=int(request.pool.log_us[i, c]),
                    candidate_expires_us=int(request.pool.expires_us[i, c]),
                    quiet_from_us=made[i].at_us + int(request.person.quiet_in_us[i]),
                    count=int(request.pool.count[i, c]),
                )
            )
        self.filed.messages.extend(messages(sends, data, self._population.registry))

    def evicted(self, candidates: CandidateRows, version: int) -> None:
        """Files a drop for each candidate that a full pool gave up."""
        n = len(candidates.row)
        user_ids = self._entrance.user_ids
        self.filed.decisions.extend(
            logbook.drops(
                user_ids=[user_ids[r] for r in candidates.row.tolist()],
                user=self._population.table.rows["user_key"][candidates.row],
                at_us=candidates.log_us,
                candidate=candidates.key,
                kind=candidates.type.astype(np.int64),
                code=np.full(n, REASON_CODE["pool_full"]),
                number=np.full(n, float(POOL)),
                limit=np.full(n, float(POOL)),
                turn=np.zeros(n, dtype=np.int64),
                arm=self._population.arms.of[candidates.row],
                control_version=version,
                names=self._names(),
            )
        )

    def conflicted(self, kind: str, keys: NDArray[np.uint64]) -> None:
        """The log keeps one content per id, so the population never meets a conflict here."""

    def priced(self, epoch: Epoch) -> None:
        """Files the thresholds of the next epoch."""
        self.filed.epochs.append(epoch)

    def _names(self, scorer: Scorer | None = None) -> logbook.Names:
        """The texts of records; `scorer` is who spoke, by default the models in force."""
        population = self._population
        return logbook.Names(
            self._entrance.user_ids,
            self._entrance.registry.names,
            population.arms.names,
            self._entrance.candidates,
            version_at((scorer or population.scorer).versions, population.applied_us + 1),
            self._settings.engine.policy_version,
        )
