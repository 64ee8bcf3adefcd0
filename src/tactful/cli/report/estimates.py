"""The comparison in numbers: every measure of every arm with a 95 % interval, paired over the same people.

One bootstrap over users: each resample draws people with replacement and takes the same people in every arm, so
that a difference between arms is a difference between the same people (percentile interval, fixed seed).
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tactful.cli.report.story import ArmDays, Story
from tactful.experiments.stats import Interval, bootstrap_totals

RESAMPLES: Final = 1000
_SUMS: Final = 6
_FEWEST: Final = 100
"""Messages below which their opens and clicks say nothing: the alerts of silence."""
METHOD: Final = (
    f"Intervals are 95 %, by user: {RESAMPLES:,} resamples of people with replacement, the same people in every arm."
)


class ArmRow(msgspec.Struct, frozen=True):
    """One arm's line in the table.

    Attributes:
        sends: messages in all.
        sends_per_week: messages a user and week.
        volume_ratio: messages relative to the last arm's; 1 is equal volume.
        open_share: opens (of e-mail) by messages, 0..1; None for few messages.
        click_share: clicks by messages, 0..1; None for few messages.
        daily_active_share: share of people active on a day, mean over days.
        daily_gain: the same less the first arm's (silence).
        weekly_active_share: share of people active in a week of seven days, mean over whole weeks.
        left_share: share of people who closed a channel.
        quiet_violations: messages inside quiet hours.
    """

    key: str
    title: str
    sends: int
    sends_per_week: Interval
    volume_ratio: float
    open_share: Interval | None
    click_share: Interval | None
    daily_active_share: Interval
    daily_gain: Interval
    weekly_active_share: Interval
    left_share: Interval
    quiet_violations: int


def arm_rows(story: Story) -> list[ArmRow]:
    """Returns the table, one row an arm, in the story's order.

    Raises:
        InvalidExperiment: for fewer than two users.
    """
    sums = np.concatenate([_user_sums(arm) for arm in story.arms], axis=1)
    rng = np.random.default_rng(story.seed)
    n, arms = story.n_users, len(story.arms)
    drawn = bootstrap_totals(sums, rng, RESAMPLES).reshape(RESAMPLES, arms, _SUMS)
    total = sums.sum(axis=0).reshape(arms, _SUMS)
    reference = max(float(total[-1, 0]), 1.0)
    weeks = story.n_days / 7.0
    return [
        ArmRow(
            key=arm.key,
            title=arm.title,
            sends=int(total[a, 0]),
            sends_per_week=_scaled(total[a, 0], drawn[:, a, 0], 1.0 / (n * weeks)),
            volume_ratio=float(total[a, 0]) / reference,
            open_share=_by_messages(total[a], drawn[:, a], 1),
            click_share=_by_messages(total[a], drawn[:, a], 2),
            daily_active_share=_scaled(total[a, 3], drawn[:, a, 3], 1.0 / n),
            daily_gain=_scaled(total[a, 3] - total[0, 3], drawn[:, a, 3] - drawn[:, 0, 3], 1.0 / n),
            weekly_active_share=_scaled(total[a, 4], drawn[:, a, 4], 1.0 / n),
            left_share=_scaled(total[a, 5], drawn[:, a, 5], 1.0 / n),
            quiet_violations=int(arm.quiet.sum()),
        )
        for a, arm in enumerate(story.arms)
    ]


def _user_sums(arm: ArmDays) -> NDArray[np.float64]:
    """What each user adds: sends, opens, clicks, share of active days, share of active weeks, whether she left."""
    columns = (
        arm.sends.sum(axis=1),
        arm.opens.sum(axis=1),
        arm.clicks.sum(axis=1),
        arm.active.mean(axis=1),
        weekly_active(arm).mean(axis=1),
        arm.left.any(axis=1),
    )
    return np.stack([np.asarray(c, dtype=np.float64) for c in columns], axis=1)


def weekly_active(arm: ArmDays) -> NDArray[np.bool_]:
    """Returns who was active in each whole week [n, weeks]; a run shorter than a week counts as one."""
    n, days = arm.active.shape
    if days < 7:
        ever: NDArray[np.bool_] = arm.active.max(axis=1, keepdims=True)
        return ever
    weeks = days // 7
    by_week: NDArray[np.bool_] = arm.active[:, : weeks * 7].reshape(n, weeks, 7)
    seen: NDArray[np.bool_] = by_week.max(axis=2)
    return seen


def _by_messages(total: NDArray[np.float64], drawn: NDArray[np.float64], column: int) -> Interval | None:
    if total[0] < _FEWEST or (drawn[:, 0] == 0.0).any():
        return None
    low, high = np.quantile(drawn[:, column] / drawn[:, 0], [0.025, 0.975])
    return Interval(float(total[column] / total[0]), float(low), float(high))


def _scaled(value: float, drawn: NDArray[np.float64], scale: float) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(value) * scale, float(low) * scale, float(high) * scale)
