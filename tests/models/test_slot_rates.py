"""Rates by slot: shrunk to everyone's, at her own level, smoothed around the clock."""

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.models.slot_rates import SlotRates, shares, smoothed

RATES = np.linspace(0.02, 0.2, 24)


def _days(n: int) -> np.ndarray:
    return np.full((1, 24), float(n))


def test_a_cold_user_has_everyones_rates() -> None:
    assert SlotRates(RATES).active(np.zeros((1, 24)), _days(0))[0] == pytest.approx(RATES, abs=1e-15)


def test_a_busy_user_is_above_everyone_in_slots_in_which_she_never_was() -> None:
    positives = np.zeros((1, 24))
    positives[0, 9] = 10.0
    p = SlotRates(RATES, bandwidth_hours=0.0).active(positives, _days(10))[0]
    assert p[9] == p.max()
    assert p[20] > 0.0
    assert p[20] / p[19] == pytest.approx(RATES[20] / RATES[19])


def test_infinite_weights_leave_everyones_rates() -> None:
    positives = np.ones((1, 24))
    flat = SlotRates(RATES, user_weight=np.inf, slot_weight=np.inf)
    assert flat.active(positives, _days(3)).tolist() == [RATES.tolist()]


def test_probabilities_stay_inside_zero_and_one_however_often_she_comes() -> None:
    p = SlotRates(RATES, user_weight=0.1, slot_weight=0.5).active(_days(20), _days(20))
    assert np.all((p > 0.0) & (p < 1.0))


def test_fit_finds_strengths_that_foretell_better_than_their_neighbours() -> None:
    rng = np.random.default_rng(1)
    truth = np.clip(RATES * rng.gamma(1.0, 1.0, (3000, 1)) * rng.gamma(2.0, 0.5, (3000, 24)), 0.0, 0.9)
    trials = np.full((3000, 24), 10.0)
    past, later = rng.binomial(10, truth).astype(float), rng.binomial(1, truth).astype(float)
    model = SlotRates.fit(past, trials, later, np.ones_like(later))
    assert 0.1 < model.user_weight < 30.0
    assert model.rates == pytest.approx(shares(later, np.ones_like(later)))

    def nats(m: SlotRates) -> float:
        p = m.active(past, trials)
        return float(-(later * np.log(p) + (1 - later) * np.log1p(-p)).mean())

    assert nats(model) < nats(SlotRates(model.rates, np.inf, np.inf)) - 0.01
    assert nats(model) <= nats(SlotRates(model.rates, model.user_weight, model.slot_weight, 3.0))


def test_smoothing_keeps_sums_and_wraps_at_midnight() -> None:
    counts = np.random.default_rng(2).poisson(1.0, (5, 24)).astype(float)
    assert smoothed(counts, 1.5).sum(axis=1) == pytest.approx(counts.sum(axis=1))
    assert smoothed(counts, 0.0) == pytest.approx(counts)
    late = np.eye(24)[23:]
    assert smoothed(late, 1.0)[0, 0] == pytest.approx(smoothed(late, 1.0)[0, 22])


def test_rates_of_zero_are_refused() -> None:
    with pytest.raises(InvalidModel, match="got rates from 0"):
        SlotRates(np.zeros(24)).active(_days(0), _days(1))


def test_one_user_alone_is_smoothed_to_the_same_bits_as_in_any_batch() -> None:
    counts = np.random.default_rng(0).poisson(1.0, (193, 24)).astype(float)
    alone = np.concatenate([smoothed(counts[i : i + 1], 1.0) for i in range(len(counts))])
    np.testing.assert_array_equal(smoothed(counts, 1.0), alone)
