"""What is read for each row of the table: chances that are those on record, and policies that the log covers."""

from pathlib import Path

import numpy as np
import pytest

from evaluation_store import SETTINGS, fill_store
from rank_models import PlainRanker
from tactful import draws
from tactful.decision.policy.explore import BUCKETS
from tactful.errors import NotIdentifiable
from tactful.events.records import CHANNELS, Decision
from tactful.events.registry import Registry
from tactful.experiments.ope_support import support
from tactful.features.join import Touches
from tactful.features.ranking_snapshot import opened
from tactful.stores.sqlite import SqliteStore
from tactful.training.evaluation.candidate import of_ranker, rescored
from tactful.training.evaluation.hour import of_hour, read_sampled_days
from tactful.training.evaluation.jobs import Jobs, read_jobs
from tactful.training.evaluation.price import of_price
from tactful.training.evaluation.send import of_sending
from tactful.training.evaluation.volume import of_volume
from tactful.training.ranking.random_slice import read_drawn
from tactful.training.ranking.touches import read_touches
from volume_logs import drawn

TYPES = Registry.shipped().types
SHARES = SETTINGS.exploration.shares


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    path: Path = tmp_path_factory.mktemp("rows") / "app.db"
    fill_store(path, people=160, days=10)
    return SqliteStore(path, read_only=True)


@pytest.fixture(scope="module")
def jobs(store: SqliteStore) -> Jobs:
    return read_jobs(store, TYPES, SHARES)


@pytest.fixture(scope="module")
def touches(store: SqliteStore) -> Touches:
    return read_touches(store, {draws.key(f"u{i}") for i in range(160)}, _until_us(store))


def _until_us(store: SqliteStore) -> int:
    return int(store.load_meta("committed") or b"-1") + 1


def test_chances_worked_out_anew_are_those_on_record_for_every_job(jobs: Jobs) -> None:
    assert jobs.left_out == 0
    assert len(jobs) > 1000
    assert set(jobs.bucket.tolist()) == set(range(len(BUCKETS)))


def test_shares_that_are_not_the_logs_are_refused(store: SqliteStore) -> None:
    with pytest.raises(NotIdentifiable, match="other exploration shares"):
        read_jobs(store, TYPES, (0.97, 0.01, 0.01, 0.01))


def test_the_log_makes_every_choice_of_the_policies_that_it_is_asked_about(
    store: SqliteStore, jobs: Jobs, touches: Touches
) -> None:
    until_us = _until_us(store)
    asked = [
        of_price(jobs, touches, TYPES, until_us, shift=0.1, jitter=0.1),
        of_price(jobs, touches, TYPES, until_us, shift=-0.1, jitter=0.1),
        of_sending(jobs, touches, until_us, "best", SHARES),
        of_sending(jobs, touches, until_us, "nothing", SHARES),
        of_hour(read_sampled_days(store), touches, until_us, hour=18),
    ]
    for trials in asked:
        for policy in (trials.present, trials.target):
            covered = support(trials.logged, policy, trials.user).covered
            assert covered.low <= 1.0 <= covered.high


def test_days_without_a_send_count_for_silence_and_no_others(jobs: Jobs, touches: Touches, store: SqliteStore) -> None:
    trials = of_sending(jobs, touches, _until_us(store), "nothing", SHARES)
    day = jobs.at_us // 86_400_000_000
    _, number = np.unique(np.stack([jobs.user, day]), axis=1, return_inverse=True)
    silent = np.bincount(number, jobs.sent >= 0) == 0
    np.testing.assert_array_equal(trials.target > 0.0, silent)


def test_another_ranker_reads_the_options_in_the_order_of_the_frozen_pool(store: SqliteStore) -> None:
    found, touches = read_drawn(store, _until_us(store))
    model = PlainRanker()
    trials = of_ranker(found, touches, TYPES, _until_us(store), SETTINGS.rules, model)
    assert len(trials.user) + trials.left_out == len(found)
    assert len(trials.user) > 100
    whole = [one for one in found if opened([one.snapshot]).present.sum() == _candidates(one)]
    for one, again in zip(whole, rescored(whole, model), strict=True):
        said = model.rank(opened([one.snapshot]))[0, one.snapshot_place]
        mine = next(o for o in again.feasible if (o.candidate_id, o.channel) == (one.candidate_id, one.channel))
        np.testing.assert_array_equal(mine.scores, said[CHANNELS.index(mine.channel)])


def test_a_mean_budget_between_two_drawn_ones_is_a_mixture_of_both() -> None:
    log, _ = drawn(2000, seed=5, gain=0.06, hazard=0.01, per_message=0.12)
    budgets = np.unique(log.k)
    between = float(budgets[2] * 0.25 + budgets[3] * 0.75)
    trials = of_volume(log, present=float(budgets[1]), target=between)
    weight = trials.target / trials.logged
    by_budget = [weight[log.k == k].mean() for k in budgets]
    expected = 1.0 / log.probability[0]
    np.testing.assert_allclose(by_budget[2:4], [0.25 * expected, 0.75 * expected])
    assert sum(by_budget) == pytest.approx(expected)
    alone = trials.present > 0.0
    assert set(log.k[alone].tolist()) == {budgets[1]}
    with pytest.raises(NotIdentifiable, match="within those that were drawn"):
        of_volume(log, present=3.0, target=40.0)


def _candidates(one: Decision) -> int:
    return len({option.candidate_id for option in one.feasible})
