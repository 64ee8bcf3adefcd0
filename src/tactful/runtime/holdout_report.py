"""The report of the permanent holdout: what all ranked messages together do, from those who get none."""

from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from jaxtyping import Int64

from tactful.clock import to_us
from tactful.errors import InvalidExperiment
from tactful.experiments.compare import Counted, compare
from tactful.experiments.comparison import Comparison
from tactful.experiments.design import Experiment, ExperimentArm
from tactful.experiments.holdout import held_out
from tactful.experiments.sums import sums_of
from tactful.runtime.experiment_members import LONGEST_BEFORE
from tactful.runtime.experiment_report import PLANNED_DAYS, Progress
from tactful.runtime.experiment_rows import METRICS, UserRows, daily_rows
from tactful.runtime.log_spans import through
from tactful.runtime.settings import Settings
from tactful.stores.protocols import Store

HELD, OTHERS = 0, 1
COMPARED: Final = ("active_days", "active_weeks", "sessions")
"""What messages are for: that people are there. There are no guardrails: who is told of nothing leaves no channel."""
_SENDS: Final = METRICS.index("sends")


def holdout_report(
    store: Store,
    settings: Settings,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Progress = lambda days: None,
) -> Comparison:
    """Returns what became of the held-out and of all others, whichever arm these are in; the held-out are the control.

    Where people are known from before, as from an import, the days before adjust for habit, 28 at most. Days in which
    the holdout held already cannot: what messages did would be taken out as habit. They are known by the sends, and the
    report says so.

    Args:
        store: of an engine, which may be running; it is only read.
        settings: of that engine: the salt and the share.
        since: when the holdout began, or from when on it is counted; by default the first decision.
        until: looks no further, by default up to what was decided.
        progress: told after every day.

    Raises:
        InvalidExperiment: there is no holdout; nothing is decided yet; fewer than two users are held out.
    """
    share = settings.holdout.share
    if not 0.0 < share < 1.0:
        raise InvalidExperiment(
            f"got a holdout of {share:.0%} of the users, expected a share between; set `share` in [holdout] of the "
            "settings to 0.02, and look after some weeks"
        )
    start_us = to_us(since) if since else _first_decision_us(store)
    end_us = min([through(store) + 1, *(to_us(at) for at in (until,) if at)])
    both = Experiment(
        name="holdout",
        arms=(ExperimentArm("held out", share), ExperimentArm("others", 1.0 - share)),
        metrics=COMPARED,
        guardrails=(),
    )
    looks, decided, held_before = [], np.zeros(2, dtype=np.int64), False
    for rows in daily_rows(store, start_us, end_us, LONGEST_BEFORE):
        arm = np.where(held_out(rows.user_key, share, settings.seed), HELD, OTHERS)
        held_before = _held_before(rows, arm)
        columns = rows.since if held_before else np.concatenate([rows.since, rows.before], axis=1)
        looks.append(Counted(rows.days, sums_of(columns, arm, 2)))
        decided = np.bincount(arm[rows.decided], minlength=2)
        progress(rows.days)
    found = compare(both, METRICS, looks, decided.tolist(), PLANNED_DAYS, equal_volume=False)
    if not held_before:
        return found
    told = (
        "The holdout held in the days before, too: habit is not taken out, and intervals are wider than they could be."
    )
    return msgspec.structs.replace(found, warnings=(*found.warnings, told))


def _held_before(rows: UserRows, arm: Int64[np.ndarray, " n"]) -> bool:
    """Whether the days before were held out: the others got messages, the held-out less than half as many."""
    sent = rows.before[:, _SENDS]
    others, held = (float(sent[arm == one].mean()) if (arm == one).any() else 0.0 for one in (OTHERS, HELD))
    return others > 0.0 and held < others / 2.0


def _first_decision_us(store: Store) -> int:
    first = next(iter(store.decisions_between(0, through(store) + 1)), None)
    if first is None:
        raise InvalidExperiment("got a store without a decision, expected one of an engine that has decided")
    return first.at_us
