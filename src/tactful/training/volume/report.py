"""What a training run says of itself: what it learned from, in which form, and how good it is on people held out."""

import msgspec

from tactful.experiments.stats import Interval
from tactful.training.volume.fill import Fill
from tactful.training.volume.ladder import Rung
from tactful.training.volume.metrics import Goodness


class HeadReport(msgspec.Struct, frozen=True):
    """One head of one reach segment.

    Attributes:
        purpose, reach: of `volume_heads.PURPOSES` and `segments.REACHES`.
        rung: its form (`ladder.py`).
        trees: of its forest, 0 for a table.
        people, trials, positives: assignments that it learned from, their days or weeks, and those that came true;
            of all reach segments where the rung is not its own.
        held_out: how good it is on people of this reach segment whom it did not learn from; None if there were none.
            Judged before it was fitted once more to everybody.
    """

    purpose: str
    reach: str
    rung: Rung
    trees: int
    people: int
    trials: int
    positives: int
    held_out: Goodness | None


class FitReport(msgspec.Struct, frozen=True):
    """What was learned.

    Attributes:
        model_version: of the model.
        assignments, users, user_weeks: learned from; weeks begun while subscribed.
        budgets: that were assigned.
        randomisation: AUC of foretelling the budget from covariates, with its interval.
        heads: one line each.
        fill: sent against due, by reach and budget.
        notes: what a reader should know before trusting it.
    """

    model_version: str
    assignments: int
    users: int
    user_weeks: int
    budgets: tuple[int, ...]
    randomisation: Interval
    heads: tuple[HeadReport, ...]
    fill: Fill
    notes: tuple[str, ...]


def as_text(report: FitReport) -> str:
    """Returns the report as lines for a terminal."""
    value, low, high = report.randomisation
    lines = [
        f"model {report.model_version}: {report.assignments:,} assignments of {report.users:,} people, "
        f"{report.user_weeks:,} user-weeks, budgets {', '.join(map(str, report.budgets))}",
        f"budgets foretold from covariates: AUC {value:.3f} [{low:.3f}, {high:.3f}]; 0.5 is a random draw",
        *(f"note: {note}" for note in report.notes),
        _HEADER,
        *(_line(head) for head in report.heads),
    ]
    return "\n".join(lines)


_HEADER = (
    f"{'head':<14}{'reach':<12}{'rung':<8}{'trees':>6}{'people':>9}{'trials':>11}{'positives':>11}"
    f"{'AUC':>7}{'log loss':>10}{'constant':>10}{'obs/exp':>9}{'ECE':>8}"
)


def _line(head: HeadReport) -> str:
    learned = (
        f"{head.purpose:<14}{head.reach:<12}{head.rung:<8}{head.trees:>6}{head.people:>9,}{head.trials:>11,}"
        f"{head.positives:>11,}"
    )
    good = head.held_out
    if good is None:
        return f"{learned}  nobody held out"
    area = f"{good.auc:>7.3f}" if good.auc is not None else f"{'-':>7}"
    return (
        f"{learned}{area}{good.log_loss:>10.4f}{good.constant_log_loss:>10.4f}{good.observed_over_expected:>9.3f}"
        f"{good.calibration_error:>8.4f}"
    )
