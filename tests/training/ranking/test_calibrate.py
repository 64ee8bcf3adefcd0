"""Calibration reads random sends only, and changes little where there are few."""

from dataclasses import replace

import numpy as np

from rank_logs import EMAIL, PUSH, rank_log, true_click
from tactful.features.ranking import CANDIDATE, CANDIDATE_IDS
from tactful.models.protocol import RANK_HEADS
from tactful.training.ranking.calibrate import calibrated, leaning
from tactful.training.ranking.rows import rows

ROWS = rows(rank_log(600, 10))
CLICK = RANK_HEADS.index("click")


def _true_logit() -> np.ndarray:
    match = ROWS.inputs.candidate_ids[:, 0, list(CANDIDATE_IDS).index("match")]
    p = true_click(match, ROWS.inputs.candidate[:, 0, CANDIDATE.index("quality")], ROWS.channel)
    logit: np.ndarray = np.repeat((np.log(p) - np.log1p(-p)).astype(np.float64)[:, None], len(RANK_HEADS), axis=1)
    return logit


def test_what_was_true_stays_as_it_is() -> None:
    found = calibrated(ROWS, _true_logit(), np.ones(6))
    assert np.all(np.abs(found.slope[[EMAIL, PUSH], CLICK] - 1.0) < 0.25)
    assert np.all(np.abs(found.offset[[EMAIL, PUSH], CLICK]) < 0.3)


def test_scores_that_lean_are_set_right() -> None:
    z = _true_logit()
    found = calibrated(ROWS, 2.0 * z + 1.0, np.ones(6))
    said = found.chances((2.0 * z + 1.0)[:, None, None, :].repeat(5, axis=2))[np.arange(len(z)), 0, ROWS.channel, CLICK]
    here = ROWS.random
    assert abs(ROWS.label[here, CLICK].mean() / said[here].mean() - 1.0) < 0.05


def test_down_sampling_of_negatives_is_undone_before() -> None:
    z, rate = _true_logit(), np.full(6, 0.2)
    as_sampled = z - np.log(rate)
    whole, less = calibrated(ROWS, z, np.ones(6)), calibrated(ROWS, as_sampled, rate)
    assert np.allclose(whole.slope, less.slope, atol=1e-8)
    assert np.allclose(whole.offset, less.offset, atol=1e-8)
    assert np.allclose(whole.chances(z[:4, None, None, :].repeat(5, axis=2)),
                       less.chances(as_sampled[:4, None, None, :].repeat(5, axis=2)), atol=1e-9)  # fmt: skip


def test_messages_that_a_policy_chose_are_not_read() -> None:
    turned = np.where(ROWS.random[:, None], ROWS.label, ~ROWS.label)
    found = calibrated(replace(ROWS, label=turned), _true_logit(), np.ones(6))
    same = calibrated(ROWS, _true_logit(), np.ones(6))
    assert np.array_equal(found.slope, same.slope)


def test_without_random_sends_nothing_changes() -> None:
    found = calibrated(replace(ROWS, random=np.zeros_like(ROWS.random)), _true_logit(), np.ones(6))
    assert np.all(found.slope == 1.0)
    assert np.all(found.offset == 0.0)


def test_a_head_without_positives_is_lowered_by_little_and_finite() -> None:
    slope, offset = leaning(np.full(50, -3.0), np.zeros(50, dtype=np.bool_))
    assert 0.5 < slope < 1.5
    assert -1.0 < offset < 0.0
