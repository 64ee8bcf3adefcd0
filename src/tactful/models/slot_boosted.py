"""When, boosted: forests of small trees on the features of a slot, on top of a person's own smoothed rates.

Served from the trees themselves (`forest.py`); LightGBM grows them (`training/timing/boosted.py`) and is not needed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tactful.errors import InvalidModel
from tactful.features.context import weekday
from tactful.features.slot_marks import HISTORY_DAYS
from tactful.features.slot_past import SlotPast
from tactful.features.slot_table import SlotWindow
from tactful.models.protocol import Parameters, SlotScores, version_of
from tactful.models.served_slots import Objective
from tactful.models.slot_head import SlotHead
from tactful.models.slot_simple import OUTCOMES, Outcome


class SlotBoosted:
    """In which slot of the coming day she comes, how likely she is active in it, and, if taught, how likely she clicks.

    No part of TIM: it is the strongest rival of TIM's unit on recorded behaviour (docs/explanation/timing.md).
    """

    def __init__(self, n_days: float, objective: Objective, **numbers: NDArray[np.float64]) -> None:
        """Takes a saved model's numbers, those of a head named `active_...` and so on; `of` takes heads.

        Raises:
            InvalidModel: for numbers that make no head, more days than the engine keeps, or an objective whose head is
                missing.
        """
        self.n_days, self.objective = int(n_days), objective
        self.heads = {outcome: _head(outcome, numbers) for outcome in OUTCOMES if f"{outcome}_rates" in numbers}
        if not 1 <= self.n_days <= HISTORY_DAYS:
            raise InvalidModel(
                f"got a model of {self.n_days} days, expected 1 to {HISTORY_DAYS}: the engine keeps no more"
            )
        needed = {"active", "hour"} if objective == "active" else set(OUTCOMES)
        if not needed <= set(self.heads):
            raise InvalidModel(
                f"got heads for {', '.join(self.heads)} and the objective {objective!r}, "
                f"expected {', '.join(sorted(needed))}"
            )
        self.version = version_of("SlotBoosted", self.parameters())

    @classmethod
    def of(cls, n_days: int, objective: Objective, heads: Sequence[SlotHead]) -> "SlotBoosted":
        """Returns the model of fitted heads.

        Args:
            n_days: L, days of history that it reads.
            objective: what its plans are after, as of `ServedSlots`.
            heads: of activity and of the hour; for an objective with clicks also of those.
        """
        return cls(float(n_days), objective, **_packed(heads))

    def parameters(self) -> Parameters:
        """Returns the constructor's arguments that make this model again."""
        return {"n_days": float(self.n_days), "objective": self.objective, **_packed(tuple(self.heads.values()))}

    def foretell(self, past: SlotPast) -> SlotScores:
        """Returns where her activity falls, and each slot's worth by the objective, as `ServedSlots` does.

        Raises:
            InvalidModel: for another number of slots than it was trained for.
        """
        slots = len(self.heads["active"].simple.by_type[0])
        if past.counts.shape[1] != slots:
            raise InvalidModel(
                f"got a day of {past.counts.shape[1]} slots, expected the model's {slots}; train it again"
            )
        days = self.n_days
        window = SlotWindow(
            past.history(days), past.known(days), past.rest(days), past.today_rest, weekday(past.day.astype(np.int64))
        )
        return self.scores(window)

    def scores(self, window: SlotWindow) -> SlotScores:
        """Returns profile and weights of windows of `n_days` days; by activity, a slot is worth what it has of it."""
        profile = self.heads["hour"].chances(window)
        if self.objective == "active":
            return SlotScores(profile, profile)
        click = self.heads["click"].chances(window)
        if self.objective == "click":
            return SlotScores(profile, click)
        return SlotScores(profile, click * (1.0 - self.heads["active"].chances(window)))


def _head(outcome: Outcome, numbers: dict[str, NDArray[np.float64]]) -> SlotHead:
    start = f"{outcome}_"
    own = {name.removeprefix(start): array for name, array in numbers.items() if name.startswith(start)}
    try:
        return SlotHead.of(outcome, own)
    except KeyError as error:
        raise InvalidModel(f"got a head ({outcome}) without its {error.args[0]!r}; train it again") from None


def _packed(heads: Sequence[SlotHead]) -> dict[str, NDArray[np.float64]]:
    return {f"{head.outcome}_{name}": array for head in heads for name, array in head.numbers().items()}
