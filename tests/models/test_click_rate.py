"""The click rate: the stated prior without data, the data's rates with them, her leaning on top."""

from typing import Any

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.events.records import CHANNELS
from tactful.experiments.metrics import log_loss, observed_over_expected
from tactful.features.content import MATCH_BUCKETS, RECENCY_BUCKETS
from tactful.models.click_rate import PRIOR_MATCH, PRIOR_RATE, PRIOR_RECENCY, ClickRate, prior_cells

EMAIL, PUSH = 0, 1


def _one(model: ClickRate, kind: int = 0, match: int = 1, recency: int = 2, **own: Any) -> np.ndarray:
    cell = [np.array([[index]]) for index in (kind, match, recency)]
    sends = own.get("sends", np.zeros((1, 5)))
    return model.click(*cell, sends, own.get("clicks", np.zeros((1, 5))))[0, 0]


def _world(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Sends of 500 users with a known table and known leanings."""
    rng = np.random.default_rng(seed)
    table = np.multiply.outer([0.75, 1.5, 3.0], prior_cells())
    leaning = np.random.default_rng(99).gamma(4.0, 0.25, 500)
    user, kind = rng.integers(0, 500, rows), rng.integers(0, 3, rows)
    match, recency, channel = rng.integers(0, 4, rows), rng.integers(0, 4, rows), rng.integers(0, 2, rows)
    p = np.minimum(table[kind, match, recency, channel] * leaning[user], 0.95)
    clicked = rng.binomial(1, p)
    return {
        "user": user,
        "kind": kind,
        "match": match,
        "recency": recency,
        "channel": channel,
        "clicked": clicked,
        "p": p,
    }


def _fit(x: dict[str, np.ndarray]) -> ClickRate:
    return ClickRate.fit(x["user"], x["kind"], x["match"], x["recency"], x["channel"], x["clicked"], 3)


def _predict(model: ClickRate, x: dict[str, np.ndarray], history: dict[str, np.ndarray]) -> np.ndarray:
    sends, clicks = np.zeros((500, 5)), np.zeros((500, 5))
    np.add.at(sends, (history["user"], history["channel"]), 1.0)
    np.add.at(clicks, (history["user"], history["channel"]), history["clicked"])
    cell = (x["kind"][:, None], x["match"][:, None], x["recency"][:, None])
    scores = model.click(*cell, sends[x["user"]], clicks[x["user"]])
    return scores[np.arange(len(x["user"])), 0, x["channel"]]


def test_without_data_the_rate_is_the_stated_prior() -> None:
    assert _one(ClickRate()) == pytest.approx(PRIOR_RATE)
    assert _one(ClickRate(), match=3, recency=0) == pytest.approx(PRIOR_RATE * PRIOR_MATCH[3] * PRIOR_RECENCY[0])


def test_stated_prior_covers_every_bucket_and_channel() -> None:
    assert prior_cells().shape == (MATCH_BUCKETS, RECENCY_BUCKETS, len(CHANNELS))


def test_fit_to_no_rows_is_the_stated_prior() -> None:
    none = np.zeros(0, dtype=np.int64)
    model = ClickRate.fit(none, none, none, none, none, none, 2)
    assert _one(model, kind=1, match=2) == pytest.approx(_one(ClickRate(), match=2))


def test_one_click_hardly_moves_the_rate() -> None:
    one = np.array([1])
    model = ClickRate.fit(one, one, one, one, one, one, 2)
    assert _one(model, kind=1, match=1, recency=1)[PUSH] == pytest.approx(PRIOR_RATE[PUSH] * 1.1, rel=0.25)
    assert _one(model, kind=0)[EMAIL] == pytest.approx(PRIOR_RATE[EMAIL], rel=0.12)


def test_fitted_rates_are_calibrated_on_later_sends_of_the_same_users() -> None:
    train, test = _world(60_000, 1), _world(60_000, 2)
    model = _fit(train)
    predicted, clicked = _predict(model, test, train), test["clicked"] == 1
    assert observed_over_expected(predicted, clicked) == pytest.approx(1.0, abs=0.05)
    for kind in range(3):
        part = test["kind"] == kind
        assert observed_over_expected(predicted[part], clicked[part]) == pytest.approx(1.0, abs=0.1)


def test_fitted_rates_come_near_the_truth_and_beat_the_prior_and_the_rates_without_leaning() -> None:
    train, test = _world(60_000, 1), _world(60_000, 2)
    model, clicked = _fit(train), test["clicked"] == 1
    nobody = {name: values[:0] for name, values in train.items()}
    loss = log_loss(_predict(model, test, train), clicked)
    assert loss < log_loss(_predict(model, test, nobody), clicked) - 0.003
    assert loss < log_loss(_predict(ClickRate(), test, nobody), clicked) - 0.01
    assert loss < log_loss(test["p"], clicked) + 0.01


def test_own_clicks_raise_the_rate_and_keep_the_order_of_candidates() -> None:
    sends = np.full((1, 5), 1000.0)
    keen, cool = {"sends": sends, "clicks": sends}, {"sends": sends, "clicks": np.zeros((1, 5))}
    for channel in (EMAIL, PUSH):
        low, high = (_one(ClickRate(), match=m, **keen)[channel] for m in (0, 3))
        assert 0.5 < low < high < 1.0
        assert _one(ClickRate(), **cool)[channel] < 0.2 * PRIOR_RATE[channel]


def test_a_user_at_the_mean_of_her_channel_has_the_rate_of_the_cell() -> None:
    sends = np.full((1, 5), 100.0)
    own = {"sends": sends, "clicks": sends * PRIOR_RATE}
    assert _one(ClickRate(), match=3, **own) == pytest.approx(_one(ClickRate(), match=3))


def test_more_clicks_than_sends_are_not_believed() -> None:
    own = {"sends": np.full((1, 5), 2.0), "clicks": np.full((1, 5), 50.0)}
    honest = {"sends": np.full((1, 5), 2.0), "clicks": np.full((1, 5), 2.0)}
    assert _one(ClickRate(), **own).tolist() == _one(ClickRate(), **honest).tolist()


def test_an_unknown_type_has_the_rates_of_all_types_together() -> None:
    model = _fit(_world(60_000, 1))
    assert _one(model, kind=-1).tolist() == _one(model, kind=3).tolist() == _one(model, kind=77).tolist()
    assert _one(model, kind=0)[EMAIL] < _one(model, kind=-1)[EMAIL] < _one(model, kind=2)[EMAIL]


def test_rates_of_zero_or_one_are_refused() -> None:
    with pytest.raises(InvalidModel, match="strictly between"):
        ClickRate(np.zeros((1, 4, 4, 5)))
    with pytest.raises(InvalidModel, match="user_weight"):
        ClickRate(user_weight=0.0)
