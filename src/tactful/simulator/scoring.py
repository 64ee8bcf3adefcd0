"""The score J of an arm, intervals over seeds, and the volume at which arms are comparable. All simulated."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from tactful.errors import InvalidExperiment
from tactful.experiments.distributions import student_quantile
from tactful.experiments.stats import Interval, fieller
from tactful.simulator.arms.policy import Arm
from tactful.simulator.closed_loop import Explored, follow
from tactful.simulator.result import Result


def score(result: Result) -> Float64[np.ndarray, " n"]:
    """Returns J by user: her active days, and the discounted active days to come that her reach and habit are worth."""
    worth: NDArray[np.float64] = result.active.sum(axis=1) + result.remaining_value
    return worth


def sends_per_user_week(result: Result) -> float:
    """Returns what went out, over everyone, those who left included."""
    return float(result.sends.sum() * 7.0 / result.sends.size)


def paired_interval(differences: Float64[np.ndarray, " m"], level: float = 0.95) -> Interval:
    """Returns the mean of paired differences (one a seed, or one a user) with Student's interval.

    >>> [round(x, 3) for x in paired_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484]

    Raises:
        InvalidExperiment: for fewer than two pairs.
    """
    m = len(differences)
    if m < 2:
        raise InvalidExperiment(f"got {m} pair(s), expected at least 2 to know the spread")
    mean = float(differences.mean())
    half = student_quantile((1.0 + level) / 2.0, m - 1) * float(differences.std(ddof=1)) / math.sqrt(m)
    return Interval(mean, mean - half, mean + half)


def share_of_gain(
    arm: Float64[np.ndarray, " m"],
    base: Float64[np.ndarray, " m"],
    bound: Float64[np.ndarray, " m"],
    level: float = 0.95,
) -> Interval | None:
    """Returns `(J_arm − J_base) / (J_bound − J_base)`, a ratio of means over paired seeds, with Fieller's interval.

    None where the interval of the denominator touches 0: then there is nothing to attain, and no share.

    >>> share = share_of_gain(np.array([2.0, 2.1]), np.array([1.0, 1.0]), np.array([3.0, 3.2]))
    >>> round(share.value, 3)
    0.5

    Args:
        arm, base: mean J a user of each seed; base is the better of the simple ways, by mean over the seeds.
        bound: `Bound.value` of each seed, for as many messages. It is an expectation, the others were lived: hand in
            gains over silence instead (`Bound.gain`; J less J of the silent run of the same seed), and the luck that
            all runs of a seed share cancels.

    Raises:
        InvalidExperiment: for fewer than two seeds.
    """
    return fieller(arm - base, bound - base, level)


def at_equal_volume(
    arm: Arm, worlds: Sequence[Explored], days: int, per_user_week: float, tolerance: float = 0.003, rounds: int = 4
) -> tuple[Arm, float]:
    """Returns the arm at the setting that sends `per_user_week`, and what it sent then over what it should.

    Each round scales the setting by what was missing, which is the secant through nothing: sends grow almost in
    proportion. The worlds are for calibration and must not be scored.

    Args:
        worlds: after their exploration; the mean over them counts.
        days: as many as will be scored, since people leave over time.
        per_user_week: sends a user and week, over everyone.
        tolerance: of the ratio.
        rounds: most runs a world.
    """
    ratio = 0.0
    for done in range(1, rounds + 1):
        sent = float(np.mean([sends_per_user_week(follow(world, arm, days, judge=False)) for world in worlds]))
        ratio = sent / per_user_week
        if abs(ratio - 1.0) <= tolerance or done == rounds:
            break
        arm = arm.at_volume(arm.per_user_per_week / ratio)
    return arm, ratio
