"""The simple predictors that a ranker must beat are fitted to the same messages, and know what they can know."""

import numpy as np

from rank_logs import rank_log
from tactful.features.history import N_CHANNELS
from tactful.features.ranking import USER, sends_and_clicks
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.metrics import Judge
from tactful.training.ranking.rows import rows
from tactful.training.ranking.simple import fit_simple

ROWS = rows(rank_log(500, 6))


def test_they_beat_who_knows_nothing_and_are_calibrated() -> None:
    p = fit_simple(ROWS).chances(ROWS)
    assert p.shape == (len(ROWS), len(RANK_HEADS))
    assert np.all((p > 0.0) & (p < 1.0))
    assert Judge(ROWS).loss(p).value < 1.0
    often = [place for place, head in enumerate(RANK_HEADS) if head != "unsubscribe"]  # which is shrunk to its prior
    assert np.allclose(ROWS.label.mean(axis=0)[often], p.mean(axis=0)[often], rtol=0.05)


def test_sends_and_clicks_are_read_back_from_what_a_ranker_reads() -> None:
    sends, clicks = np.array([[0, 3, 0, 50, 200]]), np.array([[0, 1, 0, 7, 200]])
    user = np.zeros((1, len(USER)), dtype=np.float32)
    at = USER.index("sends_email"), USER.index("click_rate_email")
    user[:, at[0] : at[0] + N_CHANNELS] = np.log1p(sends) / 8.0
    user[:, at[1] : at[1] + N_CHANNELS] = (clicks + 0.5) / (sends + 10.0)
    read = sends_and_clicks(user)
    assert np.array_equal(read[0], sends)
    assert np.allclose(read[1], clicks, atol=1e-3)
