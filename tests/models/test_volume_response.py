"""The volume response model: its formulas, its heads by reach and state, and its refusals."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from tactful.errors import InvalidFeatures, InvalidModel, OutsideTraining
from tactful.features.segments import ACTIVITIES, REACHES, SEGMENTS
from tactful.models import served
from tactful.models.lightgbm_text import forest_of
from tactful.models.volume_heads import CLIP, head_inputs
from tactful.models.volume_response import Responses, VolumeResponse, discounted_value, kdd18_value

F, K_MAX, SCHEMA = 4, 10, "abc123"
GROW = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 1}


def _users(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, F)).astype(np.float32)
    return features, rng.integers(0, len(REACHES), n), rng.integers(0, len(ACTIVITIES), n)


def _grown(seed: int, with_k: bool = True, monotone: bool = False) -> Any:
    features, reach, _ = _users(2500, seed)
    k = np.random.default_rng(seed + 100).integers(0, K_MAX + 1, len(features))
    margin = -1.5 + features[:, 0] + 0.2 * k * with_k - 0.5 * reach
    y = np.random.default_rng(seed + 200).random(len(features)) < 1.0 / (1.0 + np.exp(-margin))
    x = head_inputs(features, reach, k if with_k else None)
    limits = {"monotone_constraints": [0] * (F + 1) + [1]} if monotone else {}
    return lightgbm.train(GROW | limits, lightgbm.Dataset(x, y.astype(int)), 12)


BOOSTERS = {
    "activity": [_grown(seed) for seed in (1, 2, 3)],
    "activity_week": [_grown(4)] * 3,
    "unsubscribe": [_grown(5, monotone=True)] * 3,
    "long_term": [_grown(6, with_k=False)] * 3,
}
RATES = np.random.default_rng(9).random((len(SEGMENTS), K_MAX + 1))


def _heads() -> dict[str, tuple[Any, Any, Any]]:
    forests = {id(b): forest_of(b.model_to_string()) for three in BOOSTERS.values() for b in three}
    return {name: (forests[id(a)], forests[id(b)], forests[id(c)]) for name, (a, b, c) in BOOSTERS.items()}


MODEL = VolumeResponse.of(_heads(), F, K_MAX, SCHEMA)


def _probability(booster: Any, features: np.ndarray, reach: np.ndarray, k: int | None) -> np.ndarray:
    budget = None if k is None else np.full(len(features), k)
    return booster.predict(head_inputs(features, reach, budget))


def test_each_reach_is_answered_by_its_own_heads_with_lightgbms_probabilities() -> None:
    features, reach, _ = _users(600, 11)
    responses = MODEL.responses(features, reach, np.zeros(600, dtype=int), K_MAX)
    for index in range(len(REACHES)):
        of = (features[reach == index], reach[reach == index])
        for k in (0, 4, K_MAX):
            active = _probability(BOOSTERS["activity"][index], *of, k)
            leaves = _probability(BOOSTERS["unsubscribe"][index], *of, k)
            assert responses.active[k, reach == index] == pytest.approx(active, abs=1e-6)
            assert responses.leaves[k, reach == index] == pytest.approx(leaves, abs=1e-6)
        after = _probability(BOOSTERS["long_term"][index], *of, None)
        assert responses.after[reach == index] == pytest.approx(after, abs=1e-6)


def test_low_states_have_a_seventh_of_the_chance_of_an_active_week() -> None:
    features, reach, activity = _users(400, 12)
    active = MODEL.responses(features, reach, activity, 3).active[3]
    low = np.isin(activity, [ACTIVITIES.index(state) for state in ("marginal", "dormant", "resurrected")])
    weekly = _probability(BOOSTERS["activity_week"][0], features[low], reach[low], 3)
    assert active[low] == pytest.approx(weekly / 7.0, abs=1e-6)
    all_daily = VolumeResponse.of(_heads(), F, K_MAX, SCHEMA, weekly_states=())
    daily = all_daily.responses(features, reach, activity, 3).active[3]
    assert np.array_equal(active[~low], daily[~low])
    assert not np.any(active[low] == daily[low])


def test_curves_are_the_documented_formula_and_without_discount_activity_alone() -> None:
    users = _users(300, 13)
    r, gamma = MODEL.responses(*users, K_MAX), 0.95
    a, h, later = (x.astype(float) for x in (r.active, r.leaves, r.after))
    expected = (1 - gamma) * (a + gamma * h * later / (1 - gamma)) / (1 - gamma * (1 - h))
    curves = MODEL.curves(*users, K_MAX)
    assert curves.dtype == np.float32
    assert curves == pytest.approx(expected, abs=1e-7)
    assert np.array_equal(discounted_value(r, 0.0), r.active)
    assert np.array_equal(VolumeResponse.of(_heads(), F, K_MAX, SCHEMA, 0.0).curves(*users, K_MAX), r.active)


def test_discounted_value_is_the_sum_over_the_weeks_of_a_subscription() -> None:
    a, h, later, gamma = 0.4, 0.03, 0.25, 0.9
    weeks = np.arange(2000)
    subscribed = (1 - h) ** weeks
    total = np.sum(gamma**weeks * (subscribed * a + (1 - subscribed) * later)) * (1 - gamma)
    one = Responses(*(np.full((1, 1), x, dtype=np.float32) for x in (a, h)), np.array([later], dtype=np.float32))
    assert discounted_value(one, gamma)[0, 0] == pytest.approx(total, abs=1e-6)


def test_value_of_the_paper_counts_a_lost_subscriber_for_one_week() -> None:
    r = MODEL.responses(*_users(50, 14), K_MAX)
    assert kdd18_value(r) == pytest.approx(r.leaves * r.after + (1 - r.leaves) * r.active, abs=1e-6)
    assert kdd18_value(r).dtype == np.float32


def test_more_messages_never_make_leaving_less_likely() -> None:
    leaves = MODEL.responses(*_users(2000, 15), K_MAX).leaves
    assert np.all(np.diff(leaves, axis=0) >= 0.0)
    assert np.any(leaves[-1] > leaves[0])


def test_segment_curves_stand_in_where_data_are_thin() -> None:
    tables = (RATES, RATES, RATES)
    model = VolumeResponse.of(_heads() | {"unsubscribe": tables, "long_term": (RATES[:, :1],) * 3}, F, K_MAX, SCHEMA)
    features, reach, activity = _users(200, 16)
    responses = model.responses(features, reach, activity, K_MAX)
    segment = activity * len(REACHES) + reach
    assert responses.leaves == pytest.approx(RATES[segment].T, abs=1e-6)
    daily = activity <= ACTIVITIES.index("casual")
    assert responses.after[daily] == pytest.approx(RATES[segment[daily], 0], abs=1e-6)
    loaded = served.load(served.save(model))
    assert (
        loaded.curves(features, reach, activity, K_MAX).tobytes()
        == model.curves(features, reach, activity, K_MAX).tobytes()
    )


def test_no_probability_is_certain() -> None:
    sure = np.where(RATES > 0.5, 1.0, 0.0)
    model = VolumeResponse.of(_heads() | {"unsubscribe": (sure, sure, sure)}, F, K_MAX, SCHEMA)
    leaves = model.responses(*_users(100, 17), K_MAX).leaves
    assert leaves.min() == np.float32(CLIP)
    assert leaves.max() == np.float32(1.0 - CLIP)


def test_users_are_scored_alike_in_any_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    users = _users(500, 18)
    whole = MODEL.curves(*users, K_MAX)
    monkeypatch.setattr("tactful.models.volume_response._CHUNK", 64)
    assert MODEL.curves(*users, K_MAX).tobytes() == whole.tobytes()
    assert MODEL.responses(*users, K_MAX).after.tobytes() == MODEL.responses(*users, 0).after.tobytes()


def test_pooled_head_is_saved_once() -> None:
    distinct = {id(b) for three in BOOSTERS.values() for b in three}
    assert len(np.asarray(MODEL.parameters()["forest_sizes"])) == len(distinct) == 6


def test_no_users_have_no_curves() -> None:
    assert MODEL.curves(*_users(0, 19), K_MAX).shape == (K_MAX + 1, 0)


def test_budget_beyond_the_largest_randomised_one_is_refused() -> None:
    with pytest.raises(OutsideTraining, match="got k_max 11, expected 0 to 10"):
        MODEL.curves(*_users(3, 20), K_MAX + 1)


def test_features_that_the_model_does_not_know_are_refused() -> None:
    features, reach, activity = _users(5, 21)
    with pytest.raises(InvalidFeatures, match="3 features, expected the model's 4"):
        MODEL.responses(features[:, :3], reach, activity, 2)
    with pytest.raises(InvalidFeatures, match="reach from 0 to 3"):
        MODEL.responses(features, np.array([0, 1, 2, 3, 0]), activity, 2)
    with pytest.raises(InvalidFeatures, match="activity from -1"):
        MODEL.responses(features, reach, np.array([0, -1, 2, 3, 0]), 2)
    features[4, 2] = np.nan
    with pytest.raises(InvalidFeatures, match=r"first: row 4"):
        MODEL.responses(features, reach, activity, 2)


def test_other_schema_of_features_is_refused() -> None:
    MODEL.expect_schema(SCHEMA)
    with pytest.raises(InvalidFeatures, match="schema other, expected abc123"):
        served.load(served.save(MODEL)).expect_schema("other")


def test_activity_after_leaving_is_in_the_unit_of_activity_before() -> None:
    features, reach, _ = _users(60, 16)
    core, dormant = (np.full(60, ACTIVITIES.index(state)) for state in ("core", "dormant"))
    days = MODEL.responses(features, reach, core, 1).after
    weeks = MODEL.responses(features, reach, dormant, 1).after
    assert weeks == pytest.approx((1.0 - (1.0 - days) ** 7) / 7.0, rel=1e-5)


def test_budgets_between_those_drawn_lie_on_straight_lines() -> None:
    model = VolumeResponse.of(_heads(), F, K_MAX, SCHEMA, drawn=(0, 1, 4))
    users = _users(50, 15)
    every, between = MODEL.responses(*users, K_MAX), model.responses(*users, K_MAX)
    for steps, lines in ((every.active, between.active), (every.leaves, between.leaves)):
        for k in (0, 1, 4, K_MAX):
            assert np.array_equal(lines[k], steps[k])
        assert lines[2] == pytest.approx(steps[1] + (steps[4] - steps[1]) / 3, abs=1e-6)
        assert lines[3] == pytest.approx(steps[1] + (steps[4] - steps[1]) * 2 / 3, abs=1e-6)
    assert np.array_equal(model.responses(*users, 2).active, between.active[:3])  # asked for less, the same lines


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": {"activity": (RATES, RATES, RATES)}}, "expected activity, activity_week"),
        ({"heads": _heads() | {"activity": (RATES[:, :3], RATES, RATES)}}, "activity/email_only with rates of shape"),
        ({"heads": _heads() | {"activity": (RATES, RATES, RATES - 1.0)}}, r"rates outside \[0, 1\]"),
        ({"heads": _heads() | {"unsubscribe": _heads()["long_term"]}}, "grown on 5 columns, expected 6"),
        ({"weekly_states": ("sleepy",)}, "sleepy"),
        ({"gamma": 1.0}, "gamma 1.0"),
    ],
)
def test_heads_and_settings_that_make_no_model_are_refused(change: dict[str, Any], message: str) -> None:
    arguments = {"heads": _heads(), "n_features": F, "k_trained": K_MAX, "schema": SCHEMA}
    with pytest.raises(InvalidModel, match=message):
        VolumeResponse.of(**(arguments | change))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    parameters = dict(MODEL.parameters())
    with pytest.raises(InvalidModel, match="do not fit together"):
        VolumeResponse(**(parameters | {"leaves": np.asarray(parameters["leaves"])[:-1]}))
    with pytest.raises(InvalidModel, match="do not fit together"):
        VolumeResponse(**(parameters | {"head_of": np.full((4, 3), 17.0)}))
