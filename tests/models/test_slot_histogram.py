"""The smoothed histogram: a distribution, circular, shrunk, better than the plain one."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tactful.clock import SECOND_US
from tactful.errors import InvalidModel
from tactful.experiments.metrics import slot_bits
from tactful.features.context import Zones
from tactful.features.slots import active_slot_counts
from tactful.models.slot_histogram import GlobalSlots, SlotHistogram, circular_kernel


def _profile(peak: float, width: float = 2.0) -> np.ndarray:
    away = np.abs(np.arange(24) - peak)
    p = np.exp(-0.5 * (np.minimum(away, 24 - away) / width) ** 2)
    return p / p.sum()


def test_rows_sum_to_one_and_a_cold_user_has_the_prior() -> None:
    prior = _profile(8.0)
    counts = np.zeros((2, 24))
    counts[1, 20] = 5.0
    p = SlotHistogram(prior).slots(counts)
    assert p.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-12)
    assert p[0] == pytest.approx(prior, abs=1e-15)


def test_smoothing_wraps_at_midnight_and_is_symmetric() -> None:
    counts = np.zeros((1, 24))
    counts[0, 23] = 10.0
    p = SlotHistogram(prior_weight=1.0).slots(counts)[0]
    assert p.argmax() == 23
    assert p[0] == pytest.approx(p[22], abs=1e-15)
    assert p[0] > 4 * p[3]


def test_without_smoothing_it_is_the_dirichlet_posterior_mean() -> None:
    counts = np.arange(24.0)[None, :]
    p = SlotHistogram(prior_weight=6.0, bandwidth_hours=0.0).slots(counts)[0]
    assert p == pytest.approx((counts[0] + 6.0 / 24) / (counts.sum() + 6.0), abs=1e-15)


def test_kernel_falls_off_as_a_gaussian_of_its_bandwidth() -> None:
    taps = circular_kernel(24, 1.0)
    assert taps.sum() == pytest.approx(1.0)
    assert taps[1] / taps[0] == pytest.approx(np.exp(-0.5))
    assert circular_kernel(48, 1.0)[2] / circular_kernel(48, 1.0)[0] == pytest.approx(np.exp(-0.5))


def test_known_segment_is_the_prior_and_unknown_ones_fall_back_to_everyone() -> None:
    everyone, owls = _profile(9.0), _profile(1.0)
    cold, segment = np.zeros((3, 24)), np.array([0, -1, 5])
    for model in (SlotHistogram(everyone, segment_profiles=owls[None]), GlobalSlots(everyone, owls[None])):
        p = model.slots(cold, segment)
        assert p[0] == pytest.approx(owls)
        assert p[1] == pytest.approx(everyone)
        assert p[2] == pytest.approx(everyone)


def test_fitted_profiles_are_those_of_the_training_counts_only() -> None:
    counts = np.zeros((4, 24))
    counts[:, 8] = 500.0
    later = np.zeros((4, 24))
    later[:, 20] = 500.0
    model = SlotHistogram.fit(counts, later)
    profile = np.asarray(model.parameters()["prior_profile"])
    assert profile[8] == pytest.approx(2001 / 2024)
    assert profile[20] == pytest.approx(1 / 2024)


def test_fit_smooths_noisy_habits_and_beats_the_plain_histogram_and_the_global_profile() -> None:
    rng = np.random.default_rng(11)
    truth = np.stack([_profile(peak) for peak in rng.normal(13.0, 5.0, 600) % 24])
    train, validation, test = (rng.poisson(12.0 * truth).astype(float) for _ in range(3))
    model = SlotHistogram.fit(train, validation)
    plain = SlotHistogram.fit(train, validation, bandwidths_hours=(0.0,))
    assert 0.5 <= float(model.parameters()["bandwidth_hours"]) <= 2.0
    bits = slot_bits(model.slots(train), test)
    assert bits < slot_bits(plain.slots(train), test) - 0.05
    assert bits < slot_bits(GlobalSlots.fit(train).slots(train), test) - 0.2


def test_smoothing_beats_the_plain_histogram_on_globo(data_path: Path) -> None:
    table = pq.read_table(data_path / "globo_clicks" / "globo_12k_users.parquet")
    zones, first_day = Zones.of(("America/Sao_Paulo",)), 17_440  # 1 October 2017
    _, user = np.unique(table["user_id"].to_numpy(), return_inverse=True)
    zone, at_us = np.zeros(len(user), dtype=np.int64), table["ts"].to_numpy() * SECOND_US
    day = zones.local_day(zone, at_us) - first_day
    hour = zones.local_minute(zone, at_us) // 60
    train, validation, test = (
        active_slot_counts(user[part], day[part], hour[part], n_users=12_000)
        for part in (day < 8, (day >= 8) & (day < 11), day >= 11)
    )
    bits = {}
    for name, hours in (("smooth", (0.75, 1.0, 1.5, 2.0)), ("plain", (0.0,))):
        chosen = SlotHistogram.fit(train, validation, bandwidths_hours=hours)
        bits[name] = slot_bits(chosen.slots(train + validation), test)
    bits["global"] = slot_bits(GlobalSlots.fit(train).slots(test), test)
    assert bits["smooth"] < bits["plain"] < bits["global"]


@pytest.mark.parametrize(
    "arguments",
    [{"prior_weight": 0.0}, {"bandwidth_hours": -1.0}, {"prior_profile": np.zeros(24)}],
)
def test_impossible_parameters_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(InvalidModel, match="expected"):
        SlotHistogram(**arguments)


def test_counts_of_another_number_of_slots_are_refused() -> None:
    with pytest.raises(InvalidModel, match="48 slots"):
        SlotHistogram().slots(np.zeros((1, 48)))
