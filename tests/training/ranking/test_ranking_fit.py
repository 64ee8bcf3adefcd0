"""Training as a story: what is learned is judged on later days, and only what beats the simple predictors is taken."""

from dataclasses import replace

import numpy as np
import pytest

from rank_logs import START_US, rank_log
from tactful.clock import DAY_US
from tactful.errors import NotEnoughData
from tactful.events.records import KINDS
from tactful.models.protocol import RANK_HEADS
from tactful.models.rank_boosted import RankBoosted
from tactful.models.served_ranker import ServedRanker
from tactful.training.ranking.fit import Trained, chosen, said, train_ranker
from tactful.training.ranking.metrics import Judge
from tactful.training.ranking.select import taken
from tactful.training.ranking.split import split

LOG = rank_log(500, 12)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train_ranker(LOG, kind="boosted", rounds=25)


def test_the_parts_follow_each_other_in_time_and_know_nothing_of_the_next() -> None:
    parts = split(LOG)
    assert parts.learn.at_us.max() < parts.tune_day * DAY_US <= parts.tune.at_us.min()
    assert parts.tune.at_us.max() < parts.judged_day * DAY_US <= parts.judged.at_us.min()
    three_days = RANK_HEADS.index("session_3d")
    late = parts.learn.at_us + 3 * DAY_US > parts.tune_day * DAY_US
    assert late.any()
    assert not parts.learn.known[late, three_days].any()
    assert parts.tune.known[:, three_days].any()
    assert parts.judged.known.all()


def test_messages_that_may_still_be_answered_are_not_judged() -> None:
    young = replace(LOG, until_us=START_US + 14 * DAY_US)
    parts = split(young)
    assert parts.end_day * DAY_US <= START_US + 12 * DAY_US
    assert parts.judged.at_us.max() + 3 * DAY_US <= young.until_us


def test_a_ranker_that_beats_the_simple_predictors_is_taken(trained: Trained) -> None:
    report = trained.report
    assert isinstance(trained.model, RankBoosted)
    assert (report.chosen, report.model_version) == ("boosted", trained.model.version)
    assert [one.name for one in report.models] == ["simple", "boosted"]
    gap = report.models[1].over_simple
    assert gap is not None
    assert gap.high < 0.0
    assert gap.value == pytest.approx(report.models[1].loss.value - report.models[0].loss.value)
    assert report.learned == report.learned_drawn
    assert set(report.rates.values()) == {1.0}


def test_what_is_judged_is_what_is_served(trained: Trained) -> None:
    assert trained.model is not None
    judged = split(LOG).judged
    p = said(trained.model, judged)
    cell = next(one for one in trained.report.models[1].cells if (one.head, one.channel) == ("click", "all"))
    label = judged.label[:, 1]
    assert cell.log_loss == pytest.approx(-np.log(np.where(label, p[:, 1], 1.0 - p[:, 1])).mean())


def test_what_does_not_beat_the_simple_predictors_outside_the_interval_is_not_taken() -> None:
    """Clicks by channel only, which the simple predictors know, too."""
    rng = np.random.default_rng(1)
    unlike = rng.random(LOG.inputs.candidate.shape, dtype=np.float32)
    match = rng.permutation(LOG.inputs.candidate_ids)
    answers = np.flatnonzero(np.isin(LOG.touches.kind, [KINDS.index("open"), KINDS.index("click")]))
    inputs = replace(LOG.inputs, candidate=unlike, candidate_ids=match, user=np.zeros_like(LOG.inputs.user))
    log = replace(LOG, inputs=inputs, touches=taken(LOG.touches, answers))
    trained = train_ranker(log, kind="boosted", rounds=10)
    gap = trained.report.models[1].over_simple
    assert gap is not None
    assert gap.high >= 0.0
    assert trained.model is None
    assert set(trained.models) == {"boosted"}
    assert (trained.report.chosen, trained.report.model_version) == ("simple", "")
    assert any("nothing is put in force" in note for note in trained.report.notes)


def test_each_must_beat_the_one_taken_so_far() -> None:
    judged = split(LOG).judged
    judge, base = Judge(judged), np.tile(judged.label.mean(axis=0), (len(judged), 1))
    knowing = base.copy()
    knowing[:, 1] = 0.9 * base[:, 1] + 0.1 * judged.label[:, 1]
    hardly = knowing.copy()
    hardly[:3] += 1e-6
    assert chosen(judge, [base, base]) == 0
    assert chosen(judge, [base, knowing]) == 1
    assert chosen(judge, [base, knowing, hardly]) == 1
    assert chosen(judge, [knowing, base, base]) == 0


def test_the_same_seed_gives_the_same_ranker_from_a_part_of_the_rows() -> None:
    one, other = (train_ranker(LOG, kind="boosted", rounds=3, most_rows=800, seed=2).report for _ in range(2))
    assert one.models[1].version == other.models[1].version
    assert one.learned_drawn < one.learned
    assert min(one.rates.values()) < 1.0


def test_the_network_is_judged_as_it_is_served_and_left_out_where_there_is_little() -> None:
    small = rank_log(60, 12)
    assert any("the network was not tried" in note for note in train_ranker(small, rounds=3).report.notes)
    trained = train_ranker(small, kind="network")
    assert [one.name for one in trained.report.models] == ["simple", "network"]
    assert trained.model is None or isinstance(trained.model, ServedRanker)
    assert np.isfinite(trained.report.models[1].loss.value)


def test_few_days_are_refused_with_what_to_do() -> None:
    with pytest.raises(NotEnoughData, match="expected 10 at least"):
        train_ranker(rank_log(50, 6), kind="boosted")


def test_few_random_sends_are_told() -> None:
    assert any(
        "hardly calibrated" in note for note in train_ranker(rank_log(60, 12), kind="boosted", rounds=3).report.notes
    )
