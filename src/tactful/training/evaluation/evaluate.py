"""The questions that a store is asked: each has a row of the table, reads what was randomised for it, and judges."""

from collections.abc import Sequence
from dataclasses import dataclass

from tactful import draws
from tactful.decision.policy.explore import Exploration
from tactful.decision.rules import Rules
from tactful.errors import NotIdentifiable
from tactful.events.event_type import EventType
from tactful.experiments.identify import row_for
from tactful.features.join import Touches
from tactful.models.protocol import RankModel
from tactful.stores.protocols import Store
from tactful.training.evaluation.candidate import of_ranker, of_rules
from tactful.training.evaluation.findings import Evaluation, judged
from tactful.training.evaluation.hour import of_hour, read_sampled_days
from tactful.training.evaluation.jobs import Jobs, read_jobs
from tactful.training.evaluation.price import of_price
from tactful.training.evaluation.send import Sending, of_sending
from tactful.training.evaluation.volume import of_volume
from tactful.training.ranking.random_slice import read_choices, read_drawn
from tactful.training.ranking.touches import read_touches
from tactful.training.volume.stored import read_log


@dataclass(frozen=True)
class Judged:
    """The store whose log is asked, and how its engine was set: what the log's chances come from.

    Attributes:
        store: may be open read-only.
        types: the event types.
        rules, exploration: of the engine that wrote the log.
    """

    store: Store
    types: Sequence[EventType]
    rules: Rules
    exploration: Exploration

    @property
    def until_us(self) -> int:
        """The log's end, exclusive."""
        return int(self.store.load_meta("committed") or b"-1") + 1


def judge_rules(log: Judged, target: Rules) -> Evaluation:
    """Returns what other weights would have chosen on days of random sends (row `candidate`).

    Raises:
        NotEnoughData: there is no random send.
        NotIdentifiable: too few.
    """
    row = row_for("candidate")
    trials = of_rules(read_choices(log.store, log.types), log.rules, target)
    return judged(trials, row, "the weights of the log", "the other weights")


def judge_ranker(log: Judged, model: RankModel) -> Evaluation:
    """Returns what another ranker would have chosen on days of random sends (row `candidate`).

    Raises:
        NotEnoughData, NotIdentifiable: as `judge_rules`; no pool of a random send can be read back.
    """
    row = row_for("candidate")
    drawn, touches = read_drawn(log.store, log.until_us)
    trials = of_ranker(drawn, touches, log.types, log.until_us, log.rules, model)
    return judged(trials, row, "the scores on record", f"ranker {model.version}")


def judge_price(log: Judged, shift: float) -> Evaluation:
    """Returns what a small shift of the price would have let out, and what would have come of it (row `price`).

    Raises:
        NotIdentifiable: the shift is beyond the jitter, or the log does not support it.
    """
    jobs = _jobs(log)
    trials = of_price(jobs, _touches(log, jobs), log.types, log.until_us, shift, log.exploration.jitter)
    return judged(trials, row_for("price"), "the prices of the log", f"prices {shift:+g} in quantile")


def judge_sending(log: Judged, sending: Sending) -> Evaluation:
    """Returns what sending the best option once a day, or nothing, would have brought (row `send`).

    Raises:
        NotIdentifiable: too few user-days went as the target would have it.
    """
    jobs = _jobs(log)
    trials = of_sending(jobs, _touches(log, jobs), log.until_us, sending, log.exploration.shares)
    target = "the best option, once a day" if sending == "best" else "nothing all day"
    return judged(trials, row_for("send"), "production", target)


def judge_hour(log: Judged, hour: int) -> Evaluation:
    """Returns what a rank job at another hour would have brought (row `hour`).

    Raises:
        NotIdentifiable: no sampled day has that hour open, or too few.
    """
    plans = read_sampled_days(log.store)
    if not plans:
        raise NotIdentifiable("got no day whose slots were sampled; set exploration.slot_epsilon, and wait")
    touches = read_touches(log.store, {draws.key(plan.user_id) for plan in plans}, log.until_us)
    trials = of_hour(plans, touches, log.until_us, hour)
    return judged(trials, row_for("hour"), "the hour that is planned first", f"a job at {hour}:00")


def judge_volume(log: Judged, present: float, target: float) -> Evaluation:
    """Returns what another mean weekly budget would have brought (row `volume`).

    Args:
        log: to be asked.
        present, target: messages a user and week.

    Raises:
        NotEnoughData: no budget was drawn.
        NotIdentifiable: too few, or a mean beyond those drawn.
    """
    trials = of_volume(read_log(log.store, log.exploration.volume_period_weeks), present, target)
    return judged(trials, row_for("volume"), f"{present:g} a week", f"{target:g} a week")


def _jobs(log: Judged) -> Jobs:
    if log.rules.channel_mode != "best":
        raise NotIdentifiable(
            f"got a log with channel_mode {log.rules.channel_mode!r}, of whose jobs the chances are not worked out; "
            "expected 'best'; judge by an experiment"
        )
    return read_jobs(log.store, log.types, log.exploration.shares)


def _touches(log: Judged, jobs: Jobs) -> Touches:
    return read_touches(log.store, set(jobs.user.view("u8").tolist()), log.until_us)
