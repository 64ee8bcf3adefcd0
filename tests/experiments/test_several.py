"""Corrected p-values against statsmodels, sizes against statsmodels, guardrails by how often they err."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower

from tactful.errors import InvalidExperiment
from tactful.experiments.guardrails import beyond_margin, verdict
from tactful.experiments.power import detectable, users_needed
from tactful.experiments.several import benjamini_hochberg, holm
from tactful.experiments.sums import Sums, sums_of


def test_corrections_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    for p in (rng.uniform(size=120) ** 2, np.array([0.5]), np.array([0.04, 0.04, 0.0, 1.0]), np.zeros(0)):
        if not len(p):
            assert len(holm(p)) == len(benjamini_hochberg(p)) == 0
            continue
        np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-9)
        np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-9)


def test_holm_lets_one_of_many_equal_arms_pass_in_5_percent_of_experiments() -> None:
    p = np.random.default_rng(2).uniform(size=(2000, 100))
    any_found = np.mean([holm(row).min() < 0.05 for row in p])
    assert any_found == pytest.approx(0.05, abs=0.0146)  # three standard errors


def test_sizes_are_those_of_statsmodels() -> None:
    theirs = NormalIndPower(ddof=0).solve_power(effect_size=0.1, nobs1=None, alpha=0.05, power=0.8)
    # statsmodels counts the far tail, too, which is 1e-6 here
    assert users_needed(2.0, 0.2) == pytest.approx(theirs, abs=1.0)
    assert detectable(2.0 * np.sqrt(2.0 / users_needed(2.0, 0.2))) == pytest.approx(0.2, rel=1e-3)


def _unsubscribes(rate: float, seed: int, runs: int = 2000, n: int = 500) -> Sums:
    rng = np.random.default_rng(seed)
    rows = (rng.random((runs * n, 1)) < rate).astype(float)
    return sums_of(rows, np.repeat(np.arange(runs), n), runs)


def test_a_guardrail_lets_pass_what_is_as_bad_as_the_margin_in_5_percent() -> None:
    control, treated = _unsubscribes(0.2, 3), _unsubscribes(0.24, 4)
    got = [verdict(i) for i in beyond_margin(treated, control, 0, 0.2, "more").intervals(0.9)]
    assert np.mean([one == "holds" for one in got]) == pytest.approx(0.05, abs=0.0146)
    assert np.mean([one == "broken" for one in got]) == pytest.approx(0.05, abs=0.0146)


def test_a_guardrail_holds_for_equal_arms_and_breaks_for_worse_ones_in_either_direction() -> None:
    control, equal, worse = (_unsubscribes(rate, 5 + i, runs=50, n=2000) for i, rate in enumerate((0.1, 0.1, 0.2)))
    for treated, expected in ((equal, "holds"), (worse, "broken")):
        got = [verdict(i) for i in beyond_margin(treated, control, 0, 0.4, "more").intervals(0.9)]
        assert np.mean([one == expected for one in got]) > 0.9
    fewer = beyond_margin(control, worse, 0, 0.2, "less").intervals(0.9)
    assert np.mean([verdict(i) == "broken" for i in fewer]) > 0.9


def test_a_control_in_which_nothing_happened_leaves_the_guardrail_open() -> None:
    quiet = sums_of(np.zeros((100, 1)), np.zeros(100, dtype=np.int64), 1)
    one = np.zeros((100, 1))
    one[0] = 1.0
    treated = sums_of(one, np.zeros(100, dtype=np.int64), 1)
    assert verdict(beyond_margin(treated, quiet, 0, 0.1, "more").intervals(0.9)[0]) == "open"


def test_margins_and_sizes_that_mean_nothing_are_refused() -> None:
    sums = _unsubscribes(0.1, 1, runs=1, n=10)
    with pytest.raises(InvalidExperiment, match="a margin of"):
        beyond_margin(sums, sums, 0, -0.1, "more")
    with pytest.raises(InvalidExperiment, match="both above 0"):
        users_needed(1.0, 0.0)
    with pytest.raises(InvalidExperiment, match="between 0 and 1"):
        detectable(1.0, power=1.0)
