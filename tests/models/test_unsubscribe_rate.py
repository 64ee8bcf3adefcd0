"""The unsubscribe rate: the stated prior without data, shrunk rates with them."""

import numpy as np
import pytest

from tactful.errors import InvalidModel
from tactful.models.unsubscribe_rate import PRIOR_FATIGUE, PRIOR_RATE, UnsubscribeRate, prior_table


def test_without_data_the_rate_rises_with_recent_sends_from_the_stated_prior() -> None:
    p = UnsubscribeRate().unsubscribe(np.array([[0] * 5, [1] * 5, [3] * 5, [7] * 5, [8] * 5]))
    assert p == pytest.approx(PRIOR_FATIGUE[:, None] * PRIOR_RATE)
    assert np.all(np.diff(p, axis=0) >= 0.0)


def test_channels_are_counted_apart() -> None:
    p = UnsubscribeRate().unsubscribe(np.array([[9, 0, 0, 0, 0]]))[0]
    assert p[0] == pytest.approx(PRIOR_RATE[0] * PRIOR_FATIGUE[-1])
    assert p[1:] == pytest.approx(PRIOR_RATE[1:])


def test_fit_to_no_rows_is_the_stated_prior() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert UnsubscribeRate.fit(none, none, none).parameters()["rate"] == pytest.approx(prior_table())


def test_a_few_unsubscribes_do_not_make_a_cell() -> None:
    rows = np.zeros(10, dtype=np.int64)
    p = UnsubscribeRate.fit(rows, rows, (np.arange(10) == 0).astype(int)).unsubscribe(rows[None, :5])
    assert p[0, 0] < 2.0 * PRIOR_RATE[0]


def test_fit_finds_the_rates_that_sends_were_drawn_from() -> None:
    rng = np.random.default_rng(8)
    rows = 2_000_000
    sends, channel = rng.integers(0, 12, rows), rng.integers(0, 2, rows)
    truth = np.array([0.004, 0.0005])[channel] * np.where(sends >= 8, 3.0, 1.0)
    model = UnsubscribeRate.fit(sends, channel, rng.binomial(1, truth))
    p = model.unsubscribe(np.array([[2, 2, 0, 0, 0], [9, 9, 0, 0, 0]]))
    assert p[:, 0] == pytest.approx([0.004, 0.012], rel=0.1)
    assert p[:, 1] == pytest.approx([0.0005, 0.0015], rel=0.25)


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(InvalidModel, match=r"outside \[0, 1\]"):
        UnsubscribeRate(np.full((5, 5), 1.5))
