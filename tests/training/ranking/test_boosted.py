"""The boosted ranker learns what is in the log, stays calibrated under down-sampling, and survives empty heads."""

from dataclasses import replace

import numpy as np
import pytest

from rank_logs import EMAIL, PUSH, START_US, rank_log
from tactful.clock import DAY_US
from tactful.errors import InvalidModel, NotEnoughData
from tactful.features.ranking import CATEGORIES
from tactful.models import served
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_boosted import RankBoosted
from tactful.training.ranking.boosted import fit_boosted
from tactful.training.ranking.calibrate import own
from tactful.training.ranking.log import before, since
from tactful.training.ranking.metrics import Judge
from tactful.training.ranking.rows import RankRows, rows
from tactful.training.ranking.sample import down_sampled, rates_of

CLICK = RANK_HEADS.index("click")


def _parts() -> tuple[RankRows, RankRows, RankRows]:
    log = rank_log(700, 9)
    tune, judge = START_US + 5 * DAY_US, START_US + 7 * DAY_US
    return rows(before(log, tune)), rows(since(before(log, judge), tune)), rows(since(log, judge))


LEARN, TUNE, JUDGED = _parts()


def _fitted(learn: RankRows = LEARN, rate: np.ndarray | None = None) -> RankBoosted:
    return fit_boosted(learn, np.ones(6) if rate is None else rate, TUNE, rounds=25)


@pytest.fixture(scope="module")
def model() -> RankBoosted:
    return _fitted()


def _said(model: RankBoosted, of: RankRows) -> np.ndarray:
    return own(model.rank(of.inputs)[:, 0], of.channel)


def test_it_learns_who_clicks_and_knows_channels_apart(model: RankBoosted) -> None:
    judge, base = Judge(JUDGED), np.tile(LEARN.label.mean(axis=0), (len(JUDGED), 1))
    cells = {(cell.head, cell.channel): cell for cell in judge.cells(_said(model, JUDGED))}
    auc = cells["click", "all"].auc
    assert auc is not None
    assert auc > 0.62
    assert judge.difference(_said(model, JUDGED), base).value < 0.0
    p = model.rank(JUDGED.inputs)[..., CLICK]
    assert p[:, 0, PUSH].mean() > p[:, 0, EMAIL].mean() + 0.05
    assert served.load(served.save(model)).version == model.version


def test_with_negatives_left_out_it_says_the_same_chances() -> None:
    rates = {"open": 0.6, "click": 0.4, "unsubscribe": 0.3}
    p = _said(_fitted(down_sampled(LEARN, rates, seed=1), rates_of(rates)), JUDGED)
    for head in (RANK_HEADS.index("open"), CLICK):
        assert JUDGED.label[:, head].sum() / p[:, head].sum() == pytest.approx(1.0, abs=0.12)


def test_a_head_without_positives_says_that_it_is_rare() -> None:
    label = LEARN.label.copy()
    label[:, 2] = False
    model = _fitted(replace(LEARN, label=label))
    p = model.rank(JUDGED.inputs)[..., 2]
    assert np.isfinite(p).all()
    assert p.max() < 0.03


def test_an_unseen_channel_has_the_mean_of_the_seen_ones(model: RankBoosted) -> None:
    p = model.rank(JUDGED.inputs)[:, 0, :, 0]
    low, high = np.minimum(p[:, EMAIL], p[:, PUSH]), np.maximum(p[:, EMAIL], p[:, PUSH])
    assert np.all(p[:, 4] < np.maximum(high + 0.15, 0.3))
    assert np.all(p[:, 4] > low - 0.15)


def test_messages_of_one_channel_teach_nothing_of_another(model: RankBoosted) -> None:
    pushed = (LEARN.channel == PUSH) & (LEARN.at_us % 2 == 0)
    other = _fitted(replace(LEARN, label=np.where(pushed[:, None], ~LEARN.label, LEARN.label)))
    every = np.arange(len(JUDGED)), np.zeros(len(JUDGED), dtype=np.int64)
    before, after = model.logits(JUDGED.inputs, *every), other.logits(JUDGED.inputs, *every)
    assert np.array_equal(before[:, EMAIL], after[:, EMAIL])
    assert not np.allclose(before[:, PUSH], after[:, PUSH])


def test_a_category_that_never_was_is_told_nothing_of_and_an_id_out_of_range_is_none(model: RankBoosted) -> None:
    assert len(np.unique(LEARN.inputs.candidate_ids[:, 0, 1])) < CATEGORIES
    unseen = np.setdiff1d(np.arange(CATEGORIES), LEARN.inputs.candidate_ids[:, 0, 1])
    assert not model.categories[:, :, unseen].any()
    ids = JUDGED.inputs.candidate_ids.copy()
    ids[:, 0, 1] = 0
    none = model.rank(replace(JUDGED.inputs, candidate_ids=ids))
    ids[:, 0, 1] = CATEGORIES
    strange = model.logits(replace(JUDGED.inputs, candidate_ids=ids), np.arange(3), np.zeros(3, dtype=np.int64))
    assert np.isfinite(strange).all()
    assert np.isfinite(none).all()


def test_nothing_to_learn_from_is_said() -> None:
    nothing = LEARN.only(np.zeros(0, dtype=np.int64))
    with pytest.raises(NotEnoughData, match="0 rows to learn from"):
        fit_boosted(nothing, np.ones(6), TUNE)


def test_a_ranker_of_other_inputs_is_refused(model: RankBoosted) -> None:
    parameters = dict(model.parameters())
    with pytest.raises(InvalidModel, match="train it with this release"):
        RankBoosted(**{**parameters, "schema": "0" * 16})
    with pytest.raises(InvalidModel, match="1024 categories"):
        RankBoosted(**{**parameters, "categories": np.zeros((2, 6, 7))})
    with pytest.raises(InvalidModel, match="without 'push_click_splits'"):
        RankBoosted(**{name: value for name, value in parameters.items() if name != "push_click_splits"})
