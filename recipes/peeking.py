"""A/A and A/B experiments on drawn users: how often each interval misses the truth, and what watching daily costs.

Source: the method is that of Johari, Koomen, Pekelis and Walsh, "Peeking at A/B tests", KDD 2017.
Command: `python recipes/peeking.py` prints the tables of `docs/explanation/experiments.md`; `--write` keeps them in
`results/peeking/README.md`.
Data: *simulated* users; habits are gamma, counts are Poisson given the habit, a day's activity is Bernoulli given it.
Hardware: one x86-64 core, ten seconds idle. Seed 0; 2,000 experiments a line: 5 % has a standard error of .5.
Expected: one look misses in 5 %; looking 100 times, one-look intervals do so in over a third of experiments and
always-valid ones in less than 5 %, which cost power.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tactful.experiments.distributions import normal_quantile
from tactful.experiments.effects import Effects, cuped, mean_difference, ratio_difference, relative_lift
from tactful.experiments.sequential import errors
from tactful.experiments.sums import Sums, merged, sums_of

RUNS: Final = 2000
LOOKS: Final = 100
ARRIVING: Final = 50
"""Users an arm between two looks."""
DAYS: Final = 28
ENROLLED: Final = 200
"""Users an arm from the first day on."""
GAINS: Final = {0.5: "50 %", 0.8: "80 %", 0.95: "95 %"}
CLICKS, SENDS, BEFORE = range(3)
RESULTS: Final = Path(__file__).parent / "results" / "peeking" / "README.md"

Look = tuple[float, Effects]
"""How much of the plan is in, and the difference of every experiment."""


class Watched(NamedTuple):
    """What became of experiments that are looked at again and again; shares of them.

    Attributes:
        last: differ from 0 at the last look, by the interval of one look.
        any: do so at any look.
        always: do so at any look, by the always-valid interval.
        found_at: the share of the plan at which the always-valid one says so, median of those where it does.
    """

    last: float
    any: float
    always: float
    found_at: float


def watched(looks: Iterator[Look]) -> Watched:
    """Returns what became of them."""
    fixed: NDArray[np.bool_] | None = None
    found: NDArray[np.float64] | None = None
    for share, effects in looks:
        z = np.abs(effects.value) / effects.error
        passed = z > normal_quantile(0.975)
        fixed = passed if fixed is None else fixed | passed
        at = np.where(z > errors(share), share, np.inf)
        found = at if found is None else np.minimum(found, at)
    assert fixed is not None
    assert found is not None
    ever = np.isfinite(found)
    return Watched(float(passed.mean()), float(fixed.mean()), float(ever.mean()),
                   float(np.median(found[ever])) if ever.any() else np.nan)  # fmt: skip


def arriving(rng: np.random.Generator, runs: int, gain: float = 0.0, level: float = 1.0) -> Iterator[Look]:
    """Users come one after the other: clicks, Poisson given a gamma habit, `gain` more of them in the second arm."""
    together: Sums | None = None
    arm = np.repeat(np.arange(2 * runs), ARRIVING)
    for look in range(LOOKS):
        habit = rng.gamma(1.0, level, len(arm))
        clicks = rng.poisson(habit * np.where(arm >= runs, 1.0 + gain, 1.0)).astype(np.float64)
        new = sums_of(clicks[:, None], arm, 2 * runs)
        together = new if together is None else merged([together, new])
        yield (look + 1) / LOOKS, mean_difference(together[runs:], together[:runs], 0)


def daily(rng: np.random.Generator, runs: int, strength: float) -> Iterator[Look]:
    """The same users day by day: active with a chance of their own, Beta of that strength; small: all differ."""
    arm = np.repeat(np.arange(2 * runs), ENROLLED)
    own = rng.beta(0.3 * strength, 0.7 * strength, len(arm))
    days = np.zeros(len(arm))
    for day in range(DAYS):
        days += rng.random(len(arm)) < own
        sums = sums_of(days[:, None] / (day + 1), arm, 2 * runs)
        yield (day + 1) / DAYS, mean_difference(sums[runs:], sums[:runs], 0)


def one_look(rng: np.random.Generator, runs: int, n: int = 200) -> dict[str, float]:
    """Returns the share of A/A experiments with p < .05, by statistic."""
    arm = np.repeat(np.arange(2 * runs), n)
    habit = rng.gamma(1.0, 1.0, len(arm))
    sends = rng.poisson(3.0, len(arm)) + 1.0
    rows = np.stack([rng.poisson(habit * sends / 4.0), sends, rng.poisson(habit)], axis=1).astype(np.float64)
    sums = sums_of(rows, arm, 2 * runs)
    a, b = sums[:runs], sums[runs:]
    adjusted = [cuped(sums[i::runs], [BEFORE]) for i in range(runs)]
    of_cuped = [mean_difference(pair[1:], pair[:1], CLICKS).p()[0] for pair in adjusted]
    found = {
        "difference of means (Welch)": mean_difference(b, a, CLICKS).p(),
        "difference of means, CUPED": np.array(of_cuped),
        "difference of ratios (delta method)": ratio_difference(b, a, CLICKS, SENDS).p(),
        "relative lift (delta method)": relative_lift(b, a, CLICKS).p(),
    }
    return {name: float((p < 0.05).mean()) for name, p in found.items()}


def gain_with_power(power: float) -> float:
    """Returns the relative gain that one look at the planned end finds with this chance; clicks are Poisson-gamma."""
    error = np.sqrt(2.0 * (1.0 + 1.0) / (LOOKS * ARRIVING))  # variance of clicks: mean 1 + the habit's variance 1
    return float(error * (normal_quantile(0.975) + normal_quantile(power)))


def tables(runs: int = RUNS) -> str:
    """Returns the tables of the page."""
    rng = np.random.default_rng(0)
    single = [[name, _percent(share)] for name, share in one_look(rng, runs).items()]
    same = {
        f"users arrive, {LOOKS} looks": watched(arriving(rng, runs)),
        f"the same users, {DAYS} days, all alike": watched(daily(rng, runs, 1e6)),
        f"the same users, {DAYS} days, habits differ": watched(daily(rng, runs, 4.0)),
        f"the same users, {DAYS} days, habits differ widely": watched(daily(rng, runs, 0.4)),
    }
    peeked = [[name, *(_percent(x) for x in (w.last, w.any, w.always))] for name, w in same.items()]
    found = {told: watched(arriving(rng, runs, gain_with_power(power))) for power, told in GAINS.items()}
    power = [
        [told, *(_percent(x) for x in (w.last, w.always)), f"{100 * w.found_at:.0f} %"] for told, w in found.items()
    ]
    return "\n\n".join(
        [
            _table(["A/A, one look", "p < .05"], single),
            _table(["A/A, watched", "one look, at the end", "one look's interval, any look", "always valid, any look"],
                   peeked),
            _table(["a gain that one look finds in", "one look, at the end", "always valid, by the end",
                    "found at, of the plan (median)"], power),
        ]
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Prints the tables, and keeps them if told to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    made = tables(words.runs)
    print(made)
    if words.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(f"# Peeking\n\n*Simulated*, by `python recipes/peeking.py --write`.\n\n{made}\n")


if __name__ == "__main__":
    main()
