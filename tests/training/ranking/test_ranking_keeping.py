"""A ranker is kept with its report, in force, in one transaction; without one nothing is written."""

from dataclasses import replace

import pytest

from rank_logs import rank_log
from tactful.models.in_force import rank_model_in_force
from tactful.stores.memory import MemoryStore
from tactful.training.ranking.fit import Trained, train_ranker
from tactful.training.ranking.keeping import keep, report_of


@pytest.fixture(scope="module")
def trained() -> Trained:
    found = train_ranker(rank_log(60, 12), kind="boosted", rounds=3)
    return replace(found, model=found.models["boosted"])


def test_the_ranker_is_in_force_with_its_report_beside_it(trained: Trained) -> None:
    store = MemoryStore()
    keep(store, trained)
    kept = rank_model_in_force(store)
    assert kept is not None
    assert trained.model is not None
    assert kept.version == trained.model.version
    assert report_of(store, kept.version) == trained.report


def test_without_a_ranker_the_last_one_stays_in_force(trained: Trained) -> None:
    store = MemoryStore()
    keep(store, trained)
    keep(store, replace(trained, model=None))
    kept = rank_model_in_force(store)
    assert kept is not None
    assert kept.version == trained.models["boosted"].version


def test_nothing_is_known_of_a_version_that_was_never_kept() -> None:
    assert report_of(MemoryStore(), "0" * 16) is None
    assert rank_model_in_force(MemoryStore()) is None
