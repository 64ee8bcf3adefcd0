"""What the models are worth, as tables: on people held out, against the truth, and caught in the trap."""

import numpy as np

from tactful.training.volume.report import FitReport
from volume.curves import Curves
from volume.markdown import markdown
from volume.trap import Sprung


def heads(models: list[FitReport]) -> str:
    """Returns what every head was worth on people held out, means over the seeds' models."""
    rows = []
    for i, head in enumerate(models[0].heads):
        judged = [m.heads[i].held_out for m in models]
        good = [g for g in judged if g is not None]
        area = [g.auc for g in good if g.auc is not None]
        rows.append(
            [
                head.purpose,
                head.reach,
                ", ".join(sorted({m.heads[i].rung for m in models})),
                f"{np.mean([m.heads[i].positives for m in models]):,.0f}",
                f"{np.mean(area):.3f}" if area else "",
                f"{np.mean([g.log_loss for g in good]):.4f}",
                f"{np.mean([g.constant_log_loss for g in good]):.4f}",
                f"{np.mean([g.observed_over_expected for g in good]):.3f}",
                f"{np.mean([g.calibration_error for g in good]):.4f}",
            ]
        )
    names = "head, reach, rung, positives, AUC, log loss, of the constant, observed / expected, calibration error"
    first = models[0]
    told = ", ".join(
        f"{m.randomisation.value:.3f} ({m.randomisation.low:.3f} to {m.randomisation.high:.3f})" for m in models
    )
    return (
        f"{len(models)} models, each of {first.users:,} people and {first.user_weeks:,} user-weeks. AUC of foretelling "
        f"the budget from covariates, by seed: {told}.\n\n" + markdown(names.split(", "), rows)
    )


def learned(curves: Curves) -> str:
    """Returns learned and true responses by activity state at some budgets."""
    rows = [
        [
            p.activity,
            str(p.k),
            f"{p.people:,}",
            f"{100 * p.active_learned:.2f}",
            f"{100 * p.active_true:.2f} ± {100 * p.active_error:.2f}",
            f"{100 * p.leaves_learned:.2f}",
            f"{100 * p.leaves_true:.2f} ± {100 * p.leaves_error:.2f}",
            f"{p.gain_learned:.2f}",
            f"{p.gain_true:.2f}",
        ]
        for p in curves.points
        if p.k in (0, 1, 3, 6, 10)
    ]
    names = [
        "activity", "budget", "people", "active a day %, learned", "ran", "closes a channel in a week %, learned",
        "ran", "gain over 0, learned", "true",
    ]  # fmt: skip
    return (
        f"{curves.users:,} people of a world on which nothing was fitted; ±: one standard error over people; gains are "
        "discounted active days to come. Correlation over people of the learned and the true gain of 3 a week: "
        f"{curves.gain_correlation:.2f}.\n\n{markdown(names, rows)}"
    )


def trapped(sprung: Sprung) -> str:
    """Returns the curves learned from the habit's volume beside those learned from drawn volume and the truth."""
    rows = [
        [str(k), *(f"{100 * x:.2f}" for x in (naive, observed, drawn)), f"{100 * true:.2f} ± {100 * error:.2f}"]
        for k, naive, observed, drawn, true, error in zip(
            sprung.budgets,
            sprung.naive,
            sprung.observational,
            sprung.randomised,
            sprung.true,
            sprung.true_error,
            strict=True,
        )
    ]
    value, low, high = sprung.auc
    names = ["budget", "who had it", "learned from the habit", "learned from drawn budgets", "everyone at it (ran)"]
    return (
        f"Active a day, %, of {sprung.users:,} people. AUC of foretelling the habit's budgets: {value:.3f} "
        f"({low:.3f} to {high:.3f}).\n\n" + markdown(names, rows) + f"\n\n> {sprung.refusal}"
    )
